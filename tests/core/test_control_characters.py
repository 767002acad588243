"""No text from outside commands whoever shows it."""

import pytest

from hf_selfdemo.core.control_characters import shown


def test_characters_that_command_are_named():
    hidden = ["\x00", "\x07", "\x08", "\r", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\ud800"]
    named = "⟨U+0000⟩⟨U+0007⟩⟨U+0008⟩⟨U+000D⟩⟨U+001B⟩⟨U+007F⟩⟨U+009B⟩⟨U+202E⟩⟨U+2066⟩⟨U+D800⟩"
    assert shown("".join(hidden)) == named
    shown(named).encode()


@pytest.mark.parametrize("harmless", ["two\nlines\tand more", "שלום עולם", "日本語 👩‍🚀", "[/INST] <b>"])
def test_all_others_stay(harmless):
    assert shown(harmless) == harmless


def test_an_end_of_line_of_windows_is_one():
    assert shown("a\r\nb\rc") == "a\nb⟨U+000D⟩c"
