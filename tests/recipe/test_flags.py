"""Flags for classes of options: how texts become values."""

from dataclasses import dataclass

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import key
from hf_selfdemo.recipe.flags import given_values


@dataclass
class Own:
    """Keys of every kind."""

    quick: bool = key(True, "be quick", "nothing")
    count: int = key(3, "how many", "nothing")
    share: float | None = key(None, "how much", "nothing")
    names: list[str] = key(["a"], "of columns", "nothing")


@dataclass
class Other:
    """Keys of another method, one of the same name."""

    count: int = key(5, "how many others", "nothing")


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ([], {}),
        (["--no_quick"], {"quick": False}),
        (["--no-quick"], {"quick": False}),
        (["--quick", "no"], {"quick": False}),
        (["--quick"], {"quick": True}),
        (["--count=4", "--share", "1e-3"], {"count": 4, "share": 0.001}),
        (["--names", "x", "y"], {"names": ["x", "y"]}),
    ],
)
def test_a_flag_is_read_as_its_key_wants(flags, found):
    assert given_values([Own], {}, flags) == [found]


def test_flags_win_over_a_file_and_only_what_was_given_is_told():
    assert given_values([Own], {"count": "7", "quick": "no", "names": None}, ["--count=8"]) == [
        {"count": 8, "quick": False, "names": None}
    ]


@pytest.mark.parametrize("flags", [["--count=many"], ["--count"], ["--quick=perhaps"], ["--coun=4"], ["4"]])
def test_what_cannot_be_read_is_refused(flags, capsys):
    with pytest.raises(UserError, match=r"^an option cannot be used: [^\n]+$"):
        given_values([Own], {}, flags)
    assert capsys.readouterr().err == ""


def test_flags_of_other_classes_may_stand_where_some_are_read_first():
    assert given_values([Other], {}, ["--quick", "--count=2"], partly=True) == [{"count": 2}]
