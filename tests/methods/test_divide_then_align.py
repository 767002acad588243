"""What model and passages know decides what is preferred to what."""

import pytest
from asked_rows import ANSWERABLE

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.types import Evidence, Passage, Question, Skip
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.methods.divide_then_align import IDK, DivideThenAlign, Dividing
from hf_selfdemo.scoring.refusal import is_refusal

ASKED = Question("q", "What is the capital of Switzerland?", ("Bern",))
SHOWN = {True: (Passage("a", "Bern is the capital of Switzerland."),), False: (Passage("b", "It rains in Basel."),)}


def chosen(closed_book, passages, present, asked=ASKED, **keys):
    """What becomes of a question whose closed-book replies and replies from the passages are these, in turn."""
    said = {"closed_book": closed_book, "rag": passages}

    def say(request):
        return said[request.stage][int(request.id.rpartition("/")[2]) % len(said[request.stage])]

    keys = {"closed_book_samples": len(closed_book), "passage_samples": len(passages)} | keys
    strategy = DivideThenAlign(Dividing(**keys))
    [judged] = converse(
        [judged_row(Evidence(asked, SHOWN[present], present), strategy, AnswerMatchJudge())], ScriptedGenerator(say)
    )
    return judged.result


KNOWN, UNKNOWN = ["Bern.", "Geneva."], ["Geneva."]


@pytest.mark.parametrize(
    ("closed_book", "present", "response", "rejected"),
    [
        (KNOWN, True, "Bern", [IDK]),
        (KNOWN, False, "Bern", ["Basel.", IDK]),
        (UNKNOWN, True, "Bern", ["Basel.", "Geneva.", IDK]),
        (UNKNOWN, False, IDK, ["Geneva.", "Basel.", "Bern"]),
    ],
    ids=["both", "the model", "the passages", "neither"],
)
def test_each_quadrant_has_its_pairs(closed_book, present, response, rejected):
    [made] = chosen(closed_book, ["Basel."], present)
    assert (made.response, [one.text for one in made.rejected]) == (response, rejected)
    assert made.outcome == ("abstain" if response == IDK else "answer")


def test_the_refusal_reads_as_one():
    assert is_refusal(IDK, ASKED.text)


def test_a_share_of_correct_replies_makes_an_answer_known():
    replies = ["Bern.", "Geneva.", "Zurich.", "Lausanne."]
    assert [r.text for r in chosen(replies, ["Basel."], True, known_above=0.2)[0].rejected] == [IDK]
    assert len(chosen(replies, ["Basel."], True, known_above=0.25)[0].rejected) == 3


def test_a_row_that_is_answered_though_nothing_knows_it_is_left_out():
    for found in (chosen(UNKNOWN, ["Bern."], False), chosen(KNOWN, ["Basel."], False, known_above=0.5)):
        assert isinstance(found, Skip) and "a reply was correct" in found.reason


def test_closed_book_replies_of_a_twin_are_those_of_its_question():
    seeds = []
    for row in (ANSWERABLE, Evidence(ANSWERABLE.question, ANSWERABLE.passages, gold_removed=True)):
        asked = next(DivideThenAlign(Dividing(closed_book_samples=3)).write(row))
        seeds.append([(r.messages, r.seed) for r in asked if r.stage == "closed_book"])
        assert asked[0].temperature == 0.0 and len({r.seed for r in asked}) == 4
    assert seeds[0] == seeds[1]


def test_abstentions_over_the_share_are_left_out_and_named():
    groups = ["abstain"] * 6 + ["answer"] * 2
    left_out = DivideThenAlign(Dividing(idk_ratio=0.5)).arrange(groups, seed=0)
    assert len(left_out) == 4 and set(left_out.values()) == {"abstention over idk_ratio 0.5"}
    assert DivideThenAlign().arrange(["abstain over gold", "answer over abstain"], seed=0) == {}
