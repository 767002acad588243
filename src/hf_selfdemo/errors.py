"""The errors of this package: the one a user is meant to read, and the one a row can survive."""


class UserError(ValueError):
    """Bad input from outside (a file, a key, a folder). The CLI prints it as one line and exits with code 2.

    Args:
        what: what is wrong, naming the file, row or key.
        remedy: what to do about it, as an instruction.

    Example:
        >>> raise UserError("row 3 of q.jsonl has no question text", "fill it in or drop the row")
        Traceback (most recent call last):
        ...
        hf_selfdemo.errors.UserError: row 3 of q.jsonl has no question text: fill it in or drop the row
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")


class CallFailed(Exception):
    """One call to the model failed for good. Thrown into the dialogue that asked, so that only its row is lost."""
