"""What the contract tests ask, and what responses are preferred to."""

from hf_selfdemo.testing.rows import ANSWERABLE as ANSWERABLE


def worse(text, label="incorrect"):
    """The column of what a response is preferred to, with one text in it."""
    return [{"text": text, "label": label}]
