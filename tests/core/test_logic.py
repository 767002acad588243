"""The hash of code changes with what the code does, and not with its words."""

import pytest

from hf_selfdemo.core.logic import logic, logic_hash

CODE = '''"""What it is for."""

LIMIT = 2
"""The most rows."""


def first(rows):
    """The first rows.

    Example:
        >>> first([1, 2, 3])
        [1, 2]
    """
    # few are enough
    return rows[:LIMIT]  # a list
'''


@pytest.fixture
def hash_of(tmp_path):
    def compute(source, name="one.py"):
        (tmp_path / "room").mkdir(exist_ok=True)
        for path in (tmp_path / "room").iterdir():
            path.unlink()
        (tmp_path / "room" / name).write_text(source)
        return logic_hash(tmp_path / "room")

    return compute


def test_only_statements_are_left():
    assert logic(CODE) == "LIMIT = 2\ndef first(rows):\n    return rows[:LIMIT]"


@pytest.mark.parametrize(
    ("old", "new"),
    [("The first rows.", "The rows that come first."), ("  # a list", ""), ("\n\n\n", "\n\n"), ("# few", "# two")],
)
def test_rewording_is_no_change(hash_of, old, new):
    assert hash_of(CODE.replace(old, new)) == hash_of(CODE)


@pytest.mark.parametrize(("old", "new"), [("LIMIT = 2", "LIMIT = 3"), ("rows[:LIMIT]", "rows[-LIMIT:]")])
def test_another_statement_is_a_change(hash_of, old, new):
    assert hash_of(CODE.replace(old, new)) != hash_of(CODE)


def test_another_name_of_a_file_is_a_change(hash_of):
    assert hash_of(CODE, "two.py") != hash_of(CODE)


def test_a_text_that_is_used_stays():
    source = 'say("""a # b\n\nc""")\n'
    assert '"""a # b' in logic(source) and 'c"""' in logic(source)
