"""Columns that do not fit are refused by the name of the row."""

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.metrics import abstention, qa_accuracy
from hf_selfdemo.metrics.rows import Row, read_rows

SCORERS = [qa_accuracy.score, abstention.score]


def test_a_row_has_its_text_all_its_answers_and_its_question():
    assert read_rows(["a"], [["b", "c"]], ["d"]) == [Row("a", ("b", "c"), "d")]


def test_one_string_is_one_answer_and_a_blank_one_is_none():
    assert [row.answers for row in read_rows(["", "", ""], ["Bern", " ", ["", "Oslo"]])] == [("Bern",), (), ("Oslo",)]


def test_columns_of_other_libraries_are_read():
    import datasets
    import numpy

    rows = datasets.Dataset.from_dict({"predictions": ["Bern"], "references": [["Bern"]]})
    assert read_rows(rows["predictions"], rows["references"]) == [Row("Bern", ("Bern",))]
    assert read_rows(numpy.array(["Bern"]), numpy.array([["Bern"]])) == [Row("Bern", ("Bern",))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictions": None}, "predictions is None"),
        ({"predictions": "Bern"}, "predictions is 'Bern'"),
        ({"predictions": ["Bern", None]}, r"predictions\[1\] is None"),
        ({"predictions": ["Bern", 3]}, r"predictions\[1\] is 3"),
        ({"references": [["Bern"]]}, "references has 1 rows, but predictions has 2"),
        ({"references": [["Bern"], None]}, r"references\[1\] is None"),
        ({"references": [["Bern"], {"text": ["Oslo"]}]}, r"references\[1\] is"),
        ({"references": [["Bern"], ["Oslo", None]]}, r"references\[1\]\[1\] is None"),
        ({"references": [["Bern"], [1912]]}, r"references\[1\]\[0\] is 1912"),
        ({"questions": ["Where?"]}, "questions has 1 rows, but predictions has 2"),
        ({"questions": ["Where?", None]}, r"questions\[1\] is None"),
    ],
)
@pytest.mark.parametrize("score", SCORERS, ids=["qa_accuracy", "abstention"])
def test_what_does_not_fit_is_named(score, change, message):
    good = {"predictions": ["Bern", "Oslo"], "references": [["Bern"], ["Oslo"]]}
    assert score(**good)["n"] == 2
    with pytest.raises(UserError, match=message):
        score(**good | change)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"answerable": [True]}, "answerable has 1 rows"),
        ({"answerable": [True, None]}, r"answerable\[1\] is None"),
        ({"labels": ["correct", "right"]}, r"labels\[1\] is 'right': give one of"),
        ({"confidences": [0.5]}, "2 rows have 1 confidences"),
        ({"confidences": [0.5, None]}, r"confidences\[1\] is None"),
        ({"curve": True}, "curve needs confidences"),
        ({"abstain_value": 2}, "abstain_value is 2"),
    ],
)
def test_options_of_abstention_that_do_not_fit_are_named(options, message):
    with pytest.raises(UserError, match=message):
        abstention.score(["Bern", "Oslo"], [["Bern"], ["Oslo"]], **options)
