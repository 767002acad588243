"""A cell means the same whoever wrote it: JSON, Parquet, a CSV file or a dataset; what cannot be read is refused."""

import datasets
import numpy as np
import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.questions import read_passages, read_questions
from hf_selfdemo.data.questions.values import read_flag, read_number, read_text, read_texts, structured

NAN = float("nan")
WHERE = ("row 3 of q.jsonl", "column")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        *((cell, True) for cell in (True, 1, 1.0, "true", "True", " YES ", "1", "t", "y", np.True_)),
        *((cell, False) for cell in (False, 0, 0.0, "false", "False", "no", "No", "0", "f", "n", np.False_)),
        *((cell, None) for cell in (None, NAN, "", " ", np.float64("nan"))),
    ],
)
def test_a_flag(cell, expected):
    assert read_flag(cell, *WHERE) is expected


@pytest.mark.parametrize("cell", ["maybe", "nan", "null", 2, -1, 0.5, [True], {"value": True}])
def test_what_is_no_flag_is_refused_with_the_row(cell):
    with pytest.raises(UserError, match=r"row 3 of q\.jsonl.*'column'.*map another"):
        read_flag(cell, *WHERE)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, ()),
        (NAN, ()),
        ("", ()),
        ([], ()),
        ("[]", ()),
        ([None, NAN, " "], ()),
        ("Ada", ("Ada",)),
        (1996, ("1996",)),
        (1996.0, ("1996",)),
        (0.5, ("0.5",)),
        ([1996, "1996", " Ada "], ("1996", "Ada")),
        (np.array(["Ada", "Bo"], dtype=object), ("Ada", "Bo")),
        ([np.int64(5), np.float64(2.0)], ("5", "2")),
        (("Ada",), ("Ada",)),
        ('["politician", "political leader"]', ("politician", "political leader")),
        ("['Orrin Vale', 'O. Vale']", ("Orrin Vale", "O. Vale")),
        ("""["O'Brien", 'Ada']""", ("O'Brien", "Ada")),
        (' ["Ada",\n "Bo"]\n', ("Ada", "Bo")),
        ("[1996, null]", ("1996",)),
        ("[1996, None]", ("1996",)),
        ("[sic]", ("[sic]",)),
        ("[2.1]heptane", ("[2.1]heptane",)),
        ("{x | x > 2}", ("{x | x > 2}",)),
        ('["[1, 2]"]', ("[1, 2]",)),
        (["['quoted']"], ("['quoted']",)),
    ],
)
def test_texts(cell, expected):
    assert read_texts(cell, *WHERE) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "['Orrin Vale' 'O. Vale']",  # a numpy array as it prints itself: Python reads one text
        "{'text': array(['Ada'], dtype=object)}",
        '["Ada", "Bo',
        "['Ada', Bo]",
        [["Ada"]],
        {"text": ["Ada"]},
        '{"text": ["Ada"]}',
        [{"text": "Ada"}],
        b"Ada",
    ],
)
def test_what_is_no_list_of_texts_is_refused_with_the_row(cell):
    with pytest.raises(UserError, match=r"row 3 of q\.jsonl.*'column'"):
        read_texts(cell, *WHERE)


@pytest.mark.parametrize(("cell", "expected"), [("81.5", 81.5), (80, 80.0), (None, None), (NAN, None), ("nan", None)])
def test_a_number(cell, expected):
    assert read_number(cell, *WHERE) == expected


@pytest.mark.parametrize("cell", ["high", float("inf"), "-inf", True, [1]])
def test_what_is_no_number_is_refused_with_the_row(cell):
    with pytest.raises(UserError, match=r"row 3 of q\.jsonl.*'column'"):
        read_number(cell, *WHERE)


def test_a_text_is_left_as_it_is_and_a_gap_is_none():
    assert [read_text(cell, *WHERE) for cell in (" a ", NAN, None, 7, 7.0)] == [" a ", "", "", "7", "7"]
    with pytest.raises(UserError, match=r"row 3.*'column'.*not text"):
        read_text(["a"], *WHERE)


def test_half_a_character_in_a_list_written_as_text_is_replaced():
    assert structured('["amber\\ud83d"]', *WHERE) == ["amber\ufffd"]


ROWS = [
    {
        "id": 1,
        "question": "A?",
        "answers": '["x", "X"]',
        "answerable": "False",
        "ctxs": '[{"text": "x", "score": NaN}]',
    },
    {"id": 2, "question": "B?", "answers": None, "answerable": None, "ctxs": "Plain."},
    {"id": 3, "question": "C?", "answers": "1996", "answerable": "yes", "ctxs": None},
]


def by_parquet(folder):
    datasets.Dataset.from_list(ROWS).to_parquet(str(folder / "q.parquet"))
    return str(folder / "q.parquet")


def by_lines(folder):
    datasets.Dataset.from_list(ROWS).to_json(str(folder / "q.jsonl"))
    return str(folder / "q.jsonl")


def by_csv_file(folder):
    return datasets.Dataset.from_list(ROWS).to_csv(str(folder / "q.csv")) and str(folder / "q.csv")


def by_csv(folder):
    (folder / "csv").mkdir()
    datasets.Dataset.from_list(ROWS).to_csv(str(folder / "csv" / "train.csv"))
    return str(folder / "csv")


@pytest.mark.parametrize(
    "source",
    [
        by_parquet,
        by_lines,
        by_csv,
        by_csv_file,
        lambda _: ROWS,
        lambda _: datasets.Dataset.from_list(ROWS),
        lambda _: datasets.Dataset.from_list(ROWS).with_format("numpy"),
        lambda _: datasets.Dataset.from_list(ROWS).with_format("pandas"),
        lambda _: datasets.DatasetDict(train=datasets.Dataset.from_list(ROWS)),
        lambda _: datasets.IterableDataset.from_generator(lambda: iter(ROWS)),
    ],
    ids=["parquet", "jsonl", "csv folder", "csv", "list", "dataset", "numpy", "pandas", "dict", "stream"],
)
def test_a_row_is_the_same_from_every_source(source, tmp_path):
    first, second, third = read_questions(source(tmp_path), columns=["passages=ctxs"])
    assert (first.id, first.answers, first.answerable) == ("1", ("x", "X"), False)
    assert [(p.text, p.title, p.score) for p in first.passages] == [("x", "", 0.0)]
    assert (second.answers, second.answerable, [p.text for p in second.passages]) == ((), False, ["Plain."])
    assert (third.answers, third.answerable, third.passages) == (("1996",), True, ())


def test_a_dataset_names_its_bad_row_and_its_splits():
    rows = datasets.Dataset.from_list([{"question": "A?", "answers": ["x"]}, {"question": "", "answers": ["x"]}])
    with pytest.raises(UserError, match="row 2 of the dataset has no question text"):
        read_questions(rows)
    with pytest.raises(UserError, match="no split 'tset': did you mean 'test'"):
        read_questions(datasets.DatasetDict(test=rows), "tset")
    with pytest.raises(UserError, match=r"rows cannot be read from a DataFrame.*to_dict"):
        read_questions(rows.to_pandas())


def test_a_list_of_dicts_names_its_bad_row():
    assert [p.text for p in read_passages(({"id": 1, "text": "One."},))] == ["One."]
    with pytest.raises(UserError, match="row 2 of the list is a str, not a dict: give a list of dicts"):
        read_questions([ROWS[0], "B?"])
    with pytest.raises(UserError, match="row 2 of the list has no question text"):
        read_questions([ROWS[0], {"question": "", "answers": ["x"]}])
    with pytest.raises(UserError, match=r"the list \(split 'train'\) has no rows"):
        read_questions([])
