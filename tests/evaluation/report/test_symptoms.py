"""A bad result is told on the console with its figures and a section of the documentation; a good one is not."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import evidence, moved, replies

from hf_selfdemo.evaluation.report import Column, Comparison, report_figures, symptoms

PAGE = (Path(__file__).parents[3] / "docs/troubleshooting.md").read_text(encoding="utf-8")
ROWS = evidence(400, passages=1, words=10)
TRAINED = {"training": {"objective": "sft"}}


def base(rows=ROWS):
    """Right where the passages hold the answer; elsewhere it abstains from every other row."""
    labels = ["correct" if row.answer_in_context else ("abstain", "incorrect")[i % 2] for i, row in enumerate(rows)]
    return replies(rows, labels)


def told(after, before=None, mode="rag", record=(), base_record=()):
    """The lines about a trained model, and the sections that they name."""
    kept = {mode: before or base()}, {mode: after}
    columns = [Column("base", kept[0], dict(base_record)), Column("tuned", kept[1], TRAINED | dict(record))]
    lines = symptoms(report_figures(Comparison("made up", columns)))
    headings = [re.search('see "(.*)" in docs/troubleshooting.md$', line)[1] for line in lines]
    assert all(f"\n## {heading}\n" in PAGE for heading in headings)
    return lines, headings


def labelled(rows, label):
    return [replace(row, label=label) for row in rows]


def test_a_model_that_got_better_has_no_symptom():
    assert told(moved(base(), "incorrect", "abstain", 40)) == ([], [])


def test_a_model_that_was_not_trained_here_has_no_symptom():
    columns = [Column("base", {"rag": base()}), Column("plain", {"rag": labelled(base(), "abstain")})]
    assert symptoms(report_figures(Comparison("made up", columns))) == []


def test_abstaining_from_everything_is_told_with_its_count():
    lines, headings = told(labelled(base(), "abstain"))
    assert headings == ["The model abstains too often"]
    assert lines[0].startswith("tuned abstains from 400 of 400 questions: see ")


def test_a_clear_rise_of_false_refusals_is_told():
    answerable = sum(row.answer_in_context for row in ROWS)
    lines, headings = told(moved(base(), "correct", "abstain", 60, in_context=True))
    assert headings == ["The model abstains too often"]
    assert lines[0].startswith(f"false refusals rise from 0.00 to {60 / answerable:.2f} with tuned")


def test_answering_everything_is_told():
    lines, headings = told([replace(p, label="incorrect") if p.label == "abstain" else p for p in base()])
    absent = sum(not row.answer_in_context for row in ROWS)
    assert headings == ["The model never abstains"]
    assert lines[0].startswith(f"tuned abstains from 0 of {absent} questions whose passages do not contain the answer")


@pytest.mark.parametrize(("calls", "tokens", "known"), [(400, 6400, True), (400, 5000, False), (800, 6400, False)])
def test_longer_replies_are_told_if_both_models_take_one_call(calls, tokens, known):
    spent = [
        {"asking": {"rag": {"questions": 400, "calls": n, "prompt_tokens": 0, "generated_tokens": t}}}
        for n, t in ((400, 4000), (calls, tokens))
    ]
    lines, headings = told(base(), record=spent[1], base_record=spent[0])
    assert headings == (["Replies got longer"] if known else [])
    if known:
        assert lines[0].startswith("tuned writes 16.0 tokens per reply, but base only 10.0")


def test_a_clear_fall_of_closed_book_accuracy_is_told():
    before = labelled(base(), "correct")
    lines, headings = told(moved(before, "correct", "incorrect", 40), before, mode="closed_book")
    assert headings == ["Closed-book accuracy fell"]
    assert lines[0].startswith("closed-book accuracy falls from 1.00 to 0.90 with tuned")


def test_too_few_rows_are_told_with_how_many_it_takes():
    few = ROWS[:6]
    before = labelled(base(few), "correct")
    after = [replace(p, label=label) for p, label in zip(before, ["incorrect", *["correct"] * 5], strict=True)]
    before[1] = replace(before[1], label="incorrect")
    lines, headings = told(after, before, mode="closed_book")
    assert headings == ["No clear change"]
    needed = int(
        re.search(r"closed-book: correct \+0.00 \(about ([\d,]+) rows of this kind are needed\)", lines[0])[1].replace(
            ",", ""
        )
    )
    assert needed > 100


def test_the_page_quotes_the_reasons_that_rows_are_left_out_for():
    method = (Path(__file__).parents[3] / "src/hf_selfdemo/methods/self_demo.py").read_text(encoding="utf-8")
    table = PAGE.partition("| reason | change |")[2].partition("\n\n")[0]
    reasons = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(reasons) > 4 and [reason for reason in reasons if reason not in method] == []
