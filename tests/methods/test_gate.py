"""The gate: states from recorded outcomes, values by the paper's bandit, and what is refused."""

import json
import random
from dataclasses import replace

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question
from hf_selfdemo.methods.gate import FEWEST, GATE_FILE, Outcome, fit_gate, outcomes, recorded_gate, write_gate


def row(i, word="Who", score=1.0):
    return Evidence(Question(f"q{i}", f"{word} is number {i}?"), (Passage("p", "text", score=score),))


def told(asked, label, logprob=-1.0, mode="rag"):
    signals = (("logprob", logprob),) if logprob is not None else ()
    return Prediction(asked.id, mode, "text", label, True, True, signals=signals)


def by_word(count=40):
    """The expensive way is right for "who" and wrong for "when"; the cheap way the other way round."""
    rows = [row(i, "Who" if i % 2 else "When", score=i + 1) for i in range(count)]
    return [Outcome(one, -1.0 - i, not i % 2, bool(i % 2)) for i, one in enumerate(rows)]


@pytest.mark.parametrize("reward", ["right", "gain"])
def test_asking_is_worth_it_where_the_expensive_way_was_right(reward):
    gate = fit_gate(by_word(), reward)
    for one in by_word():
        state = gate.state(one.row, one.confidence)
        assert gate.asks(state) is one.expensive_right and abs(gate.values[state]) > 0.9
    assert gate.types == ("when", "who") and sum(gate.seen.values()) == 40


def test_the_paper_rewards_a_right_answer_and_gain_one_that_the_cheap_way_lacks():
    both = [replace(one, cheap_right=True, expensive_right=True) for one in by_word()]
    neither = [replace(one, cheap_right=False, expensive_right=False) for one in both]
    found = [one if one.expensive_right else other for one, other in zip(by_word(), both, strict=True)]
    right, gain = fit_gate(found[:-1] + neither[-1:], "right"), fit_gate(found[:-1] + neither[-1:], "gain")
    when = [state for state in right.values if state.endswith("when")]
    assert all(right.asks(state) and not gain.asks(state) for state in when), "both were right there"


def test_values_follow_the_bandit_update_in_every_pass():
    """All in one state with one reward each but one: after n updates from 0 the value is known."""
    found = [Outcome(row(i, "Who", 0.0), -1.0, False, i > 0) for i in range(FEWEST)]
    gate = fit_gate(found, bins=1, passes=3)
    [(state, value)] = gate.values.items()
    assert state == "confidence 1/1, no score, who" and 0.6 < value < 1
    assert fit_gate(found, bins=1, passes=1).values[state] < 1 - 0.9**FEWEST


def test_the_order_of_questions_changes_nothing_and_the_seed_draws_another():
    found = [Outcome(row(i), -float(i), False, random.Random(i).random() < 0.5) for i in range(60)]
    assert fit_gate(found) == fit_gate(found[::-1]) and fit_gate(found).values != fit_gate(found, seed=1).values


def test_bins_are_quantiles_on_any_scale():
    found = by_word()
    scaled = [
        replace(
            one,
            confidence=one.confidence * 100,
            row=replace(one.row, passages=(replace(one.row.passages[0], score=-i),)),
        )
        for i, one in enumerate(found)
    ]
    for these in (found, scaled):
        gate = fit_gate(these, bins=4)
        bins = [gate.state(one.row, one.confidence).split(", ")[0] for one in these]
        assert {bins.count(one) for one in bins} == {10} and len(gate.score) == 3


def test_equal_scores_are_one_bin_and_absent_ones_a_bin_of_their_own():
    found = [replace(one, row=replace(one.row, passages=())) for one in by_word()]
    assert all("no score" in state for state in fit_gate(found).values)
    equal = [replace(one, confidence=-1.0) for one in by_word()]
    assert fit_gate(equal, bins=3).confidence == (-1.0,)


def test_rare_first_words_are_one_type():
    found = [*by_word(40), Outcome(row(99, "Whence"), -1.0, False, True)]
    gate = fit_gate(found)
    assert gate.types == ("when", "who") and gate.state(found[-1].row, -1.0).endswith("other")


def test_a_state_that_was_never_seen_is_asked():
    gate = fit_gate(by_word())
    for asked, confidence in ((row(1, "Which"), -1.0), (row(1, "When", score=0.0), -1.0), (row(0, "When"), None)):
        state = gate.state(asked, confidence)
        assert state not in gate.values and gate.asks(state)


def test_a_value_of_zero_does_not_ask():
    gate = replace(fit_gate(by_word()), values={"here": 0.0})
    assert not gate.asks("here")


def test_rows_are_paired_and_unscored_ones_left_out_and_counted():
    rows = [row(i) for i in range(5)]
    twin = replace(rows[0], gold_removed=True)
    cheap = [told(one, label, -0.5, "closed_book") for one, label in zip(rows, LABELS, strict=True)]
    expensive = [told(one, "correct") for one in rows[:4]] + [told(twin, "incorrect")]
    expensive[2] = replace(expensive[2], label="unscored")
    found, left_out = outcomes([*rows, twin], cheap, expensive)
    assert [(one.row.id, one.cheap_right, one.expensive_right) for one in found] == [
        ("q0", True, True),
        ("q1", False, True),
        ("q0#gold_removed", True, False),
    ]
    assert left_out == 3 and found[0].confidence == -0.5


LABELS = ("correct", "abstain", "incorrect", "unscored", "correct")


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (by_word(FEWEST - 1), f"a gate needs {FEWEST} questions with two scored answers, but there are only"),
        ([replace(one, confidence=None) for one in by_word()], "40 of 40 closed-book answers have no log-probability"),
        ([replace(one, expensive_right=True) for one in by_word()], "the reward of asking is 1 for all 40 questions"),
        ([replace(one, expensive_right=False) for one in by_word()], "the reward of asking is -1 for all 40 questions"),
    ],
)
def test_what_nothing_can_be_learnt_from_is_refused(found, complaint):
    with pytest.raises(UserError, match=complaint):
        fit_gate(found)


SETTINGS = {"base": "0123", "method": "lagr_seq", "gate_bins": 2}


def test_a_gate_is_kept_and_read_again(tmp_path):
    gate = fit_gate(by_word())
    write_gate(tmp_path, gate, SETTINGS, {"evaluation": {"rows": 40}})
    assert recorded_gate(tmp_path, SETTINGS) == gate


@pytest.mark.parametrize("changed", [{"base": "other"}, {"method": "another"}, {"gate_bins": 3}, {"reranker": "new"}])
def test_a_gate_of_another_model_method_or_fit_is_refused_by_what_differs(tmp_path, changed):
    write_gate(tmp_path, fit_gate(by_word()), SETTINGS, {})
    with pytest.raises(UserError, match=f"was fitted with other settings: {next(iter(changed))}: .*hf-selfdemo gate"):
        recorded_gate(tmp_path, SETTINGS | changed)


def test_a_missing_damaged_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no gate: run"):
        recorded_gate(tmp_path, SETTINGS)
    path = write_gate(tmp_path, fit_gate(by_word()), SETTINGS, {})
    whole = path.read_text()
    path.write_text(whole.replace("who", "why"))
    with pytest.raises(UserError, match="was changed since it was written"):
        recorded_gate(tmp_path, SETTINGS)
    (tmp_path / GATE_FILE).write_text(json.dumps({"settings": SETTINGS, "gate": {"values": {}}}))
    with pytest.raises(UserError, match="is damaged"):
        recorded_gate(tmp_path, SETTINGS)
