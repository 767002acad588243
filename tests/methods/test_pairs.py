"""Each pair policy rejects what it says, or nothing."""

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Candidate, Verdict
from hf_selfdemo.methods.pairs import PAIR_POLICIES, choose_rejected
from hf_selfdemo.methods.self_demo import Choosing

TEXTS = [
    ("Clemens Winkler", "correct", 1),
    ("clemens winkler.", "correct", 1),
    ("It was Clemens Winkler in Freiberg.", "correct", 2),
    ("Bernard Courtois", "incorrect", 3),
    ("A man called Marie Curie did it long ago.", "incorrect", 2),
    ("The passages do not say.", "abstain", 3),
    ("", "unscored", 0),
    ("Cut off in the mid", "incorrect", 3),
]
CANDIDATES = [Candidate(text, "rag", "p", "length" if "Cut" in text else "stop") for text, _, _ in TEXTS]


def rejected(row, policy, winner=0, places=True, **keys):
    verdicts = [Verdict(label, place=place if places else 0) for _, label, place in TEXTS]
    return choose_rejected(row, CANDIDATES[winner], verdicts[winner], CANDIDATES, verdicts, policy, **keys)


def drawn(row, policy, **keys):
    return {r.text for s in range(60) for r in rejected(row, policy, seed=s, **keys)}


@pytest.mark.parametrize(
    ("policy", "texts"),
    [
        ("first_round_loser", {"Bernard Courtois", "The passages do not say."}),
        ("wrong_answer", {"Bernard Courtois", "A man called Marie Curie did it long ago."}),
        ("false_refusal", {"The passages do not say."}),
        (
            "other_label",
            {"Bernard Courtois", "A man called Marie Curie did it long ago.", "The passages do not say."},
        ),
        ("gold", {"Winkler"}),
        (
            "wrong_and_refusal",
            {"Bernard Courtois", "A man called Marie Curie did it long ago.", "The passages do not say."},
        ),
    ],
)
def test_a_policy_rejects_what_it_says(row, policy, texts):
    from dataclasses import replace

    row = replace(row, question=replace(row.question, answers=("Winkler",)))
    assert drawn(row, policy) == texts


def test_without_a_tournament_every_other_text_is_a_loser(row):
    found = drawn(row, "first_round_loser", places=False)
    assert found == {text for text, *_ in TEXTS[2:6]}, "not the winner in other letters, not what is empty or cut off"


@pytest.mark.parametrize(("winner", "labels"), [(0, ["incorrect", "abstain"]), (5, ["incorrect"])])
def test_an_answer_is_set_against_a_wrong_one_and_a_false_refusal_and_an_abstention_against_a_wrong_answer(
    row, winner, labels
):
    for seed in range(9):
        assert [r.label for r in rejected(row, "wrong_and_refusal", winner, seed=seed)] == labels


def test_of_two_kinds_the_one_that_there_is_makes_a_pair(row):
    texts = [Candidate("Winkler", "rag", "p"), Candidate("Not mentioned.", "refusal", "p")]
    verdicts = [Verdict("correct"), Verdict("abstain")]
    found = choose_rejected(row, texts[0], verdicts[0], texts, verdicts, "wrong_and_refusal")
    assert [r.text for r in found] == ["Not mentioned."]


def test_an_abstention_that_won_is_no_false_refusal_to_another(row):
    assert rejected(row, "false_refusal", winner=5) == ()


def test_gold_that_says_the_same_makes_no_pair(row):
    assert rejected(row, "gold") == (), "the first accepted answer is the winner's own text"


def test_length_is_matched_where_asked_for(row):
    assert rejected(row, "wrong_answer", match_length=True)[0].text == "Bernard Courtois"
    assert rejected(row, "wrong_answer", winner=2, match_length=True)[0].text.startswith("A man")


def test_the_draw_repeats(row):
    assert [rejected(row, "other_label", seed=s) for s in range(9)] == [
        rejected(row, "other_label", seed=s) for s in range(9)
    ]


def test_nothing_to_reject(row):
    only = [Candidate("x", "rag", "p")]
    for policy in PAIR_POLICIES:
        verdict = Verdict("correct")
        found = choose_rejected(row, only[0], verdict, only, [verdict], policy)
        assert bool(found) == (policy == "gold")


def test_a_misspelt_policy_names_the_near_one():
    with pytest.raises(UserError, match="did you mean 'first_round_loser'"):
        Choosing(pair_policy="first_round_looser")
