"""Retrieval is measured in the order shown, against gold passages, over every question that has one."""

from dataclasses import replace

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.metrics.retrieval import answer_in_context, retrieval_figures


def found(gold, shown, **flags):
    passages = tuple(Passage(i, "...", score=flags.pop("score", 0.0)) for i in shown)
    return Evidence(Question("q", "Who?", ("x",), gold_ids=tuple(gold)), passages, **flags)


def test_recall_counts_gold_passages_and_success_any_of_them():
    figures = retrieval_figures([found("ab", "cad")], ["R@1", "R@2", "R@3", "Success@2"])
    assert figures == {"R@1": 0.0, "R@2": 0.5, "R@3": 0.5, "Success@2": 1.0, "questions": 1}


def test_reciprocal_rank_is_that_of_the_first_gold_passage():
    assert retrieval_figures([found("ab", "cdba"), found("a", "a")], ["RR"])["RR"] == pytest.approx((1 / 3 + 1) / 2)


def test_ndcg_discounts_by_the_logarithm_of_the_rank():
    assert retrieval_figures([found("ab", "acb")], ["nDCG@10"])["nDCG@10"] == pytest.approx(
        1.5 / (1 + 0.6309), abs=1e-4
    )


@pytest.mark.parametrize("shown", ["ab", "ba"])
def test_the_order_shown_counts_also_where_scores_are_tied(shown):
    assert retrieval_figures([found("a", shown)], ["RR"])["RR"] == (1 if shown == "ab" else 0.5)


def test_a_question_for_which_nothing_was_found_counts_nought():
    assert retrieval_figures([found("a", "a"), found("a", "")], ["RR"]) == {"RR": 0.5, "questions": 2}


def test_twins_and_questions_without_gold_passages_are_left_out():
    row = found("a", "a")
    twin = replace(row, passages=(), gold_removed=True)
    assert retrieval_figures([row, twin, found("", "b")], ["R@1"]) == {"R@1": 1.0, "questions": 1}


def test_without_any_gold_passage_there_is_nothing_to_measure():
    with pytest.raises(UserError, match="no question has a gold passage"):
        retrieval_figures([found("", "a")])


@pytest.mark.parametrize("measure", ["recall@5", "R", "R@", "R@0", "nDCG@-1", "Success@0"])
def test_an_unknown_measure_is_named(measure):
    with pytest.raises(UserError, match=f"measure '{measure}' is unknown"):
        retrieval_figures([found("a", "a")], [measure])


def test_without_the_library_the_remedy_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(UserError, match=r"pip install 'hf-selfdemo\[retrieval-metrics\]'"):
        retrieval_figures([found("a", "a")])


def shows(answers, *texts, answerable=True):
    passages = tuple(Passage(str(i), text) for i, text in enumerate(texts))
    return Evidence(Question("q", "When did it open?", tuple(answers), answerable=answerable), passages)


def test_a_passage_may_state_the_answer_in_other_words():
    assert answer_in_context(shows(["25 December 2001"], "It is a museum.", "It opened on Dec 25th, 2001."))
    assert not answer_in_context(shows(["25 December 2001"], "It opened on Dec 26th, 2001.", "It is a museum."))


def test_where_nothing_can_be_known_nothing_is_in_context():
    assert not answer_in_context(shows([], "It opened in 1912."))
    assert not answer_in_context(shows(["1912"]))
    assert not answer_in_context(shows(["1912"], "It opened in 1912.", answerable=False))


def test_gold_ids_in_a_bare_string_are_not_taken_for_letters():
    with pytest.raises(UserError, match="gold_ids of '1' is 'ab': give the ids as a tuple"):
        retrieval_figures([Evidence(Question("1", "Who?", gold_ids="ab"), (Passage("a", "..."),))], ["R@1"])
