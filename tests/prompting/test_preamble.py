"""Openings go, and nothing else."""

import pytest

from hf_selfdemo.prompting.preamble import without_preamble


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Here is a summary: Bern.", "Bern."),
        ("Here's the answer:\nBern: the capital.", "Bern: the capital."),
        ("Here are the facts: a: b", "a: b"),
        ("Bern: the capital.", "Bern: the capital."),
        ("Here in Bern.", "Here in Bern."),
        ("", ""),
    ],
)
def test_preambles_are_cut_up_to_the_first_colon(text, kept):
    assert without_preamble(text) == kept
