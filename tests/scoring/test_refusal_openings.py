"""Openings of refusals: learnt from a model's own, or those of any model."""

from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.scoring.refusal import is_refusal
from hf_selfdemo.scoring.refusal.openings import OPENINGS, alike, learnt_openings

REPLIES = st.lists(
    st.lists(st.sampled_from(["The", "passage", "does", "not", "say", "Bern"]), max_size=6).map(" ".join)
)


def test_openings_of_any_model_add_up_and_begin_refusals():
    assert alike(OPENINGS) is None
    wholes = (
        "know.",
        "sure.",
        "say who built it.",
        "know who built it.",
        "information on it.",
        "mention it.",
        "given.",
    )
    for opening in OPENINGS:
        assert any(is_refusal(f"{opening} {rest}", "Who built it?") for rest in wholes) or opening == "Sorry", opening


@given(refusals=REPLIES, answers=REPLIES)
def test_no_answer_begins_as_a_refusal_is_learnt_to(refusals, answers):
    found = learnt_openings(refusals, answers)
    begins = [any(text.split()[: len(o.split())] == o.split() for o in found.openings) for text in refusals]
    for opening in found.openings:
        assert not any(text.split()[: len(opening.split())] == opening.split() for text in answers)
    assert alike(found.openings) is None
    assert found.covered == sum(begins) and found.refusals == len(refusals)


def test_rare_ways_to_begin_are_left_out():
    refusals = ["The passages do not say."] * 99 + ["Ask somebody else."]
    assert learnt_openings(refusals, ["The Beatles"]) == (("The passages",), 99, 100)
