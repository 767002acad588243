"""The table says what the predictions hold, with the trivial model beside it."""

from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.report import ALWAYS_ABSTAIN, figure_rows, figures_json, header, markdown_table


def predictions(labels, mode="rag"):
    return [
        Prediction(str(i), mode, "t", label, answerable=i % 2 == 0, answer_in_context=i % 2 == 0)
        for i, label in enumerate(labels)
    ]


RUNS = {
    "base": {
        "rag": predictions(["correct", "incorrect", "incorrect", "incorrect"]),
        "closed_book": predictions(["correct", "incorrect", "incorrect", "incorrect"], "closed_book"),
    },
    "tuned": {
        "rag": predictions(["correct", "abstain", "abstain", "unscored"]),
        "closed_book": predictions(["incorrect"] * 4, "closed_book"),
    },
}


def cells(name, runs=RUNS):
    return next(row for row in figure_rows(runs) if row[0] == name)[1:]


def test_a_column_a_model_and_one_that_always_abstains():
    assert header(RUNS) == ["", "base", "tuned", ALWAYS_ABSTAIN]
    assert all(len(row) == 4 for row in figure_rows(RUNS))


def test_figures_are_the_predictions():
    assert cells("correct")[0].startswith("0.25 [")
    assert cells("abstention recall")[1].startswith("1.00")
    assert cells("false refusals")[1].startswith("0.50")
    assert cells("abstention precision")[2].startswith("0.50")
    assert cells("correct, of attempted")[2] == "-"
    assert cells("F-score") == ["0.25 [0.00, 0.75]", "0.50 [0.00, 1.00]", "0.00 [0.00, 0.00]"]
    assert cells("closed-book: change in correct")[1].startswith("-0.25")


def test_unscored_rows_are_in_no_rate_but_bounded():
    assert cells("unscored")[1].startswith("0.25")
    assert cells("correct")[1].startswith("0.33")
    assert cells("correct, if all unscored were wrong or right")[1] == "0.25 to 0.50"


def test_a_reply_without_a_score_is_no_change_for_the_worse():
    unscored = predictions(["unscored", "incorrect", "incorrect", "incorrect"], "closed_book")
    runs = {"base": RUNS["base"], "tuned": RUNS["tuned"] | {"closed_book": unscored}}
    assert cells("closed-book: change in correct", runs)[1] == "+0.00 [+0.00, +0.00]"


def test_markdown_has_a_row_a_figure():
    lines = markdown_table(RUNS).splitlines()
    assert len(lines) == 2 + len(figure_rows(RUNS))
    assert len({line.count("|") for line in lines}) == 1


def test_one_mode_alone_works():
    only = {"base": {"closed_book": RUNS["base"]["closed_book"]}}
    assert header(only) == ["", "base"] and len(figure_rows(only)) == 3


def test_nothing_scored_is_no_figure():
    nothing = {"base": {"rag": predictions(["unscored"])}}
    assert cells("F-score", nothing)[0] == "-" and cells("correct", nothing)[0] == "-"


def test_json_has_counts_and_intervals():
    found = figures_json(RUNS)["tuned"]["rag"]["abstention_rate"]
    assert {key: found[key] for key in ("hits", "total", "value")} == {"hits": 2, "total": 3, "value": 2 / 3}
    assert found["interval"][0] < 2 / 3 < found["interval"][1]


def test_what_answering_cost_is_told_where_it_is_known():
    asking = {"base": {"rag": {"questions": 4, "calls": 36, "prompt_tokens": 100, "generated_tokens": 21}}, "tuned": {}}
    rows = {row[0]: row[1:] for row in figure_rows(RUNS, asking=asking)}
    assert rows["calls a question"][:2] == ["9.0", ""] and rows["tokens a question"][0] == "30"
    assert not any("closed-book: calls" in name for name in rows)
    assert figure_rows(RUNS) == figure_rows(RUNS, asking={"base": {}}), "an earlier version's"
