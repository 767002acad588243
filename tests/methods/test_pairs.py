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
    return {r.text for r in (rejected(row, policy, seed=s, **keys) for s in range(60)) if r}


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
    ],
)
def test_a_policy_rejects_what_it_says(row, policy, texts):
    from dataclasses import replace

    row = replace(row, question=replace(row.question, answers=("Winkler",)))
    assert drawn(row, policy) == texts


def test_without_a_tournament_every_other_text_is_a_loser(row):
    found = drawn(row, "first_round_loser", places=False)
    assert found == {text for text, *_ in TEXTS[2:6]}, "not the winner in other letters, not what is empty or cut off"


def test_an_abstention_that_won_is_no_false_refusal_to_another(row):
    assert rejected(row, "false_refusal", winner=5) is None


def test_gold_that_says_the_same_makes_no_pair(row):
    assert rejected(row, "gold") is None, "the first accepted answer is the winner's own text"


def test_length_is_matched_where_asked_for(row):
    assert rejected(row, "wrong_answer", match_length=True).text == "Bernard Courtois"
    assert rejected(row, "wrong_answer", winner=2, match_length=True).text.startswith("A man")


def test_the_draw_repeats(row):
    assert [rejected(row, "other_label", seed=s) for s in range(9)] == [
        rejected(row, "other_label", seed=s) for s in range(9)
    ]


def test_nothing_to_reject(row):
    only = [Candidate("x", "rag", "p")]
    for policy in PAIR_POLICIES:
        verdict = Verdict("correct")
        found = choose_rejected(row, only[0], verdict, only, [verdict], policy)
        assert (found is None) == (policy != "gold")


def test_a_misspelt_policy_names_the_near_one():
    with pytest.raises(UserError, match="did you mean 'first_round_loser'"):
        Choosing(pair_policy="first_round_looser")
