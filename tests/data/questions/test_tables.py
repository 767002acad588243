"""CSV, TSV and Excel as people have them: read as they come, or refused with the line and the remedy."""

import gzip
import sys

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.questions import read_passages, read_questions
from hf_selfdemo.data.questions.sources import read_rows


def rows_of(path):
    return [(row.where.partition(" of ")[0], row.fields) for row in read_rows(str(path), "train")]


TABLES = {
    "comma": ("q.csv", "question,answers\nWho?,Ada\n"),
    "semicolon": ("q.csv", "question;answers\nWho?;Ada\n"),
    "tab in a .csv": ("q.csv", "question\tanswers\nWho?\tAda\n"),
    "tab": ("q.tsv", "question\tanswers\nWho?\tAda\n"),
    "a byte order mark and line ends of Windows": ("q.csv", "\ufeffquestion,answers\r\nWho?,Ada\r\n"),
    "blanks around names": ("q.csv", " question , answers\nWho?,Ada\n"),
    "empty lines and rows": ("q.csv", "\n\nquestion,answers\n,\n\nWho?,Ada\n , \n"),
    "an index without a name": ("q.csv", ",question,answers\n0,Who?,Ada\n"),
    "no end of line": ("q.csv", "question,answers\nWho?,Ada"),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_is_read_as_it_comes(tmp_path, kind, packed):
    name, text = TABLES[kind]
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert [fields for _, fields in rows_of(path)] == [{"question": "Who?", "answers": "Ada"}]


def test_quoted_cells_hold_anything_and_rows_are_named_by_the_line_they_begin_on(tmp_path):
    (tmp_path / "q.csv").write_text('\nquestion,answers\n"Who,\nor ""what""?",Ada\n\nWhen?,\n')
    assert rows_of(tmp_path / "q.csv") == [
        ("row 1 (line 3)", {"question": 'Who,\nor "what"?', "answers": "Ada"}),
        ("row 2 (line 6)", {"question": "When?", "answers": None}),
    ]


def test_a_separator_belongs_to_a_quoted_cell_and_not_to_the_header(tmp_path):
    (tmp_path / "q.csv").write_text('"question, as asked";answers\nWho?;Ada\n')
    assert rows_of(tmp_path / "q.csv")[0][1] == {"question, as asked": "Who?", "answers": "Ada"}


def test_a_long_cell_is_a_passage(tmp_path):
    (tmp_path / "c.csv").write_text("id,text\n1," + "word " * 100_000)
    [passage] = read_passages(str(tmp_path / "c.csv"))
    assert len(passage.text.split()) == 100_000


REFUSED = {
    "more cells than columns": (
        "question,answers\nWho?,Ada\nWhere?,Paris, France\n",
        "the row at line 3 of .* has 3 cells, but the first row has 2: put double quotes around .* contains ','",
    ),
    "fewer cells than columns": (
        "question,answers\nWho?\n",
        "the row at line 2 of .* has 1 cells, but the first row has 2: add the missing cells",
    ),
    "an open quote": (
        'question,answers\nWho?,Ada\n"When?,1912\nWhere?,Paris\n',
        "the row at line 3 of .* cannot be read .unexpected end of data.: close every quote",
    ),
    "an open quote before another": (
        'question,answers\n"When?,1912\nWhere?,"Paris"\n',
        "the row at line 2 of .* cannot be read .*: close every quote",
    ),
    "two columns of one name": (
        "question,answers,answers\nWho?,Ada,A. L.\n",
        "has two columns named 'answers': rename one in the first row",
    ),
    "no header": (
        "Who?;Ada\nWhen?;1912\n",
        r"row 1 .line 2. of .* has no column 'question' .*its columns are Ada, Who\?; set columns: \[question=COLUMN,",
    ),
    "a cell that is no list": (
        "question,answers\nWho?,\"['Ada' 'Bo']\"\n",
        "row 1 .line 2. of .*: column 'answers' begins like a list written as text",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_table_is_refused_with_its_line(tmp_path, kind):
    text, words = REFUSED[kind]
    (tmp_path / "q.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        read_questions(str(tmp_path / "q.csv"))


# --- Excel ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")

    def write(*rows):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.create_sheet("notes").append(["not", "read"])
        book.save(tmp_path / "q.xlsx")
        return str(tmp_path / "q.xlsx")

    return write


def test_the_first_sheet_of_a_workbook_is_a_table(workbook):
    header = ["id", "question", "answers", "answerable", "note"]
    source = workbook(header, [1, "Who?", "Ada|A. L.", True], [], [2, "When?", 1912, None, "x"], [3, "Why?"])
    first, second, third = read_questions(source, list_separator="|")
    assert (first.id, first.answers, first.answerable) == ("1", ("Ada", "A. L."), True)
    assert (second.id, second.answers, second.answerable) == ("2", ("1912",), True)
    assert (third.answers, third.answerable) == ((), False)


def test_a_cell_of_a_workbook_that_is_no_text_is_named_by_its_row(workbook):
    import datetime

    source = workbook(["question", "answers"], ["Who?", "Ada"], [], ["When?", datetime.datetime(2001, 12, 25)])
    with pytest.raises(
        UserError, match=r"row 2 .line 4. of .*q.xlsx: column 'answers' .*datetime.datetime.2001, 12, 25"
    ):
        read_questions(source)
    with pytest.raises(UserError, match=r"the row at line 2 of .* has 3 cells, but the first row has 2: name every"):
        read_questions(workbook(["question", "answers"], ["Who?", "Ada", "Bo"]))


def test_a_file_that_is_no_workbook_is_refused(tmp_path):
    pytest.importorskip("openpyxl")
    (tmp_path / "q.xlsx").write_text("question,answers\n")
    with pytest.raises(UserError, match=r"q.xlsx cannot be read as an Excel workbook .*or save the sheet as CSV"):
        read_questions(str(tmp_path / "q.xlsx"))


def test_without_openpyxl_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "q.xlsx").write_text("PK")
    with pytest.raises(
        UserError, match=r"q.xlsx needs openpyxl.*pip install 'hf-selfdemo\[excel\]', or save .* as CSV"
    ):
        read_questions(str(tmp_path / "q.xlsx"))
