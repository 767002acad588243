"""Any usual QA dataset becomes the same rows; a bad row stops with one line that names it and the remedy."""

import gzip
import json

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.questions import PRESETS, cut_words, read_passages, read_questions, sample
from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.normalise import normalise

PLAIN = {"id": "1", "question": "Who?", "answers": ["Ada"]}


def write_lines(path, *rows):
    text = "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


def write_parquet(path, rows):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return str(path)


# --- the presets ------------------------------------------------------------------------------------------------------


def test_open_qa(tmp_path):
    source = write_lines(
        tmp_path / "q.jsonl.gz",
        {
            "id": "a",
            "question": " Who? ",
            "answers": ["Ada", "A. L."],
            "gold": ["p1"],
            "answerable": True,
            "source": "s",
        },
        {"id": "b", "question": "Où?", "answers": [], "gold": [], "answerable": False, "true_answers": ["Évian"]},
        {"id": 3, "question": "When?", "answers": ["1912"], "answerable": False},
    )
    assert read_questions(source) == [
        Question("a", "Who?", ("Ada", "A. L."), (), ("p1",), True, "s"),
        Question("b", "Où?", (), (), (), False),
        Question("3", "When?", ("1912",), (), (), False),
    ]


def test_open_qa_true_answers_can_be_mapped(tmp_path):
    source = write_lines(tmp_path / "q.jsonl", PLAIN | {"answers": [], "true_answers": ["Bo"], "answerable": False})
    [question] = read_questions(source, columns=["answers=true_answers"])
    assert (question.answers, question.answerable) == (("Bo",), False)


@pytest.mark.parametrize("preset", ["squad", "squad_v2"])
def test_squad(tmp_path, preset):
    context = "Ada wrote the first program."
    rows = [
        {"id": "x", "title": "Ada", "context": context, "question": "Who?"}
        | {"answers": {"text": ["Ada", "Ada"], "answer_start": [0, 0]}},
        {"id": "y", "title": "Ada", "context": context, "question": "When?"}
        | {"answers": {"text": [], "answer_start": []}},
    ]
    answered, unanswered = read_questions(write_parquet(tmp_path / "train.parquet", rows), preset=preset)
    assert (answered.id, answered.answers, answered.answerable) == ("x", ("Ada",), True)
    assert [(p.title, p.text) for p in answered.passages] == [("Ada", context)]
    assert (unanswered.answers, unanswered.answerable) == ((), False)
    assert answered.passages == unanswered.passages, "one context is one passage, whichever question it came with"


def test_nq_open_numbers_its_rows(tmp_path):
    source = write_lines(
        tmp_path / "nq.jsonl", {"question": "who?", "answer": ["Ada"]}, {"question": "when", "answer": ["1843"]}
    )
    assert [(q.id, q.answers) for q in read_questions(source, preset="nq_open")] == [
        ("000001", ("Ada",)),
        ("000002", ("1843",)),
    ]


@pytest.mark.parametrize("name", ["nq.json", "nq.json.gz"])
def test_dpr(tmp_path, name):
    ctxs = [
        {"id": "7", "title": "Ada", "text": "Ada wrote it.", "score": "81.5", "has_answer": True},
        {"id": "8", "title": "Bo", "text": "Bo did not.", "score": 80, "has_answer": False},
        {"id": "7", "title": "Ada", "text": "Ada wrote it.", "score": 79, "has_answer": True},
    ]
    source = write_lines(tmp_path / name, json.dumps([{"question": "who?", "answers": ["Ada"], "ctxs": ctxs}]))
    [question] = read_questions(source, preset="dpr")
    assert question.passages == (Passage("7", "Ada wrote it.", "Ada", 81.5), Passage("8", "Bo did not.", "Bo", 80.0))


def test_kilt(tmp_path):
    output = [{"answer": "Ada", "provenance": [{"wikipedia_id": "1"}]}, {"provenance": []}, {"answer": "A. Lovelace"}]
    source = write_lines(tmp_path / "kilt.jsonl", {"id": "k", "input": "who?", "output": output})
    [question] = read_questions(source, preset="kilt")
    assert (question.id, question.text, question.answers) == ("k", "who?", ("Ada", "A. Lovelace"))


def test_no_preset_is_left_out_above():
    assert set(PRESETS) == {"open_qa", "squad", "squad_v2", "nq_open", "dpr", "kilt"}


# --- where rows come from ---------------------------------------------------------------------------------------------


def test_a_saved_dataset_and_a_saved_dict_of_splits(tmp_path):
    datasets = pytest.importorskip("datasets")
    train, test = (datasets.Dataset.from_list([PLAIN | {"id": i}]) for i in "ab")
    train.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(tmp_path / "two")
    assert [q.id for q in read_questions(str(tmp_path / "one"))] == ["a"]
    assert [q.id for q in read_questions(str(tmp_path / "two"), split="test")] == ["b"]
    with pytest.raises(UserError, match=r"two.*'tset'.*did you mean 'test'"):
        read_questions(str(tmp_path / "two"), split="tset")


def test_columns_go_into_structs(tmp_path):
    answer = {"value": "Ada", "aliases": ["Ada", "Countess of Lovelace"]}
    source = write_lines(tmp_path / "trivia.jsonl", {"question_id": "t1", "q": "who?", "answer": answer})
    columns = ["id=question_id", "question=q", "answers=answer.aliases"]
    assert read_questions(source, columns=columns) == [Question("t1", "who?", ("Ada", "Countess of Lovelace"))]


def test_a_single_text_or_number_is_fine_where_texts_are(tmp_path):
    source = write_lines(
        tmp_path / "q.jsonl", PLAIN | {"answers": "Ada"}, PLAIN | {"id": "2", "answers": [1912, None, " ", "1912"]}
    )
    assert [q.answers for q in read_questions(source)] == [("Ada",), ("1912",)]


def test_blank_lines_and_a_byte_order_mark_do_not_count(tmp_path):
    source = write_lines(tmp_path / "q.jsonl", "\ufeff" + json.dumps(PLAIN), "", PLAIN | {"id": "2"}, "  ")
    assert [q.id for q in read_questions(source)] == ["1", "2"]


def test_a_text_is_several_answers_or_gold_ids_by_a_separator(tmp_path):
    row = {"question": "Who | when?", "answers": "Ada | A. L.|Ada", "gold": "p1|p2"}
    source = write_lines(tmp_path / "q.jsonl", row, row | {"answers": ["a|b"], "gold": None}, row | {"answers": " | "})
    first, second, third = read_questions(source, list_separator="|")
    assert (first.answers, first.gold_ids, first.text) == (("Ada", "A. L."), ("p1", "p2"), "Who | when?")
    assert second.answers == ("a|b",), "a list says itself where its texts end"
    assert (third.answers, third.answerable) == ((), False)
    assert read_questions(source)[0].answers == ("Ada | A. L.|Ada",)


def test_columns_of_a_corpus_are_mapped(tmp_path):
    source = write_lines(tmp_path / "c.jsonl", {"_id": 7, "meta": {"heading": "T"}, "contents": "One."})
    columns = ["id=_id", "text=contents", "title=meta.heading"]
    assert read_passages(source, columns=columns) == [Passage("7", "One.", "T")]
    assert_refused(["row 1", "no column 'text'", "corpus_columns: [text=contents]"], read_passages, source)
    words = ["corpus_columns: 'body=x'", "use one of id, text, title"]
    assert_refused(words, read_passages, source, columns=["body=x"])


def test_passages_without_ids_are_known_by_their_words(tmp_path):
    rows = [{"text": "One.", "title": "T"}, {"text": "Two."}, {"text": "One.", "title": "U"}, {"text": "Two."}]
    found = read_passages(write_lines(tmp_path / "c.jsonl", *rows))
    assert [(p.text, p.title) for p in found] == [("One.", "T"), ("Two.", ""), ("One.", "U")]
    again = read_passages(write_lines(tmp_path / "d.jsonl", *rows[::-1]))
    assert len({p.id for p in found}) == 3 and {p.id for p in again} == {p.id for p in found}


def test_passages_of_a_corpus(tmp_path):
    source = write_lines(
        tmp_path / "c.jsonl",
        {"id": 1, "text": "one  two\nthree four", "title": "T", "other": 5},
        {"id": "b", "text": "x", "title": None},
    )
    assert read_passages(source) == [Passage("1", "one  two\nthree four", "T"), Passage("b", "x")]
    assert read_passages(source, max_words=3)[0].text == "one  two\nthree"


# --- what is refused --------------------------------------------------------------------------------------------------

BAD_ROWS = {
    "a column is missing": (
        {"id": "1", "question": "Who?", "answer": ["Ada"]},
        ["row 2", "'answers'", "mean 'answer'"],
    ),
    "no question column": ({"id": "1", "questions": "Who?", "answers": []}, ["row 2", "mean 'questions'"]),
    "blank question": (PLAIN | {"question": " "}, ["row 2", "'question'", "fill it in or drop"]),
    "question is no text": (PLAIN | {"question": 5}, ["row 2", "'question'"]),
    "answers are a struct": (PLAIN | {"answers": {"text": ["Ada"]}}, ["row 2", "'answers'", "answers.text"]),
    "answers hold lists": (PLAIN | {"answers": [["Ada"]]}, ["row 2", "'answers'", "list of texts", "map another"]),
    "gold is a struct": (PLAIN | {"gold": {"id": 5}}, ["row 2", "'gold'"]),
    "an id is a list": (PLAIN | {"id": ["a"]}, ["row 2", "'id'", "not text", "map another"]),
    "a source is a struct": (PLAIN | {"source": {"name": "nq"}}, ["row 2", "'source'", "map another"]),
    "an id of a twin": (PLAIN | {"id": "1#gold_removed"}, ["row 2", "'1#gold_removed'", "another id"]),
    "an id of an anchor": (PLAIN | {"id": "1#closed_book"}, ["row 2", "'1#closed_book'", "another id"]),
    "an id of a further row": (PLAIN | {"id": "1#row_2"}, ["row 2", "'1#row_2'", "'#row_2' is reserved", "another id"]),
    "answers hold structs": (PLAIN | {"answers": [{"text": "Ada"}]}, ["row 2", "'answers'"]),
    "duplicate id": (PLAIN | {"id": "0"}, ["rows 1 and 2", "'0'", "its own id"]),
    "two columns are missing": (
        {"id": "1", "query": "Who?", "ground_truth": ["Ada"]},
        ["row 2 of", "no column 'question' and no column 'answers'", "columns: [question=query, answers=ground_truth]"],
    ),
    "broken JSON": ('{"id": "1", "question"', ["line 2", "not JSON", "fix or drop"]),
    "no object": ('["Ada"]', ["line 2", "not a JSON object", "one object per line"]),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_named_with_a_remedy(tmp_path, name):
    row, words = BAD_ROWS[name]
    assert_refused(words, read_questions, write_lines(tmp_path / "q.jsonl", PLAIN | {"id": "0"}, row))


@pytest.mark.parametrize(
    ("ctxs", "words"),
    [
        ([{"id": "1", "title": "T"}], ["row 1", "passage without text", "give each"]),
        ([{"id": "1", "text": " "}], ["row 1", "passage without text"]),
        ([{"id": "1", "text": 5}], ["row 1", "passage without text"]),
        ([None], ["row 1", "passage without text"]),
        (5, ["row 1", "'ctxs'", "map another"]),
        ([{"id": "1", "text": "x", "score": "high"}], ["row 1", "'high'", "number"]),
    ],
)
def test_a_bad_passage_of_a_question_is_named(tmp_path, ctxs, words):
    source = write_lines(tmp_path / "q.json", json.dumps([{"question": "q", "answers": ["a"], "ctxs": ctxs}]))
    assert_refused(words, read_questions, source, preset="dpr")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("q.jsonl", "", ["q.jsonl", "check the path"]),
        ("q.json", "[]", ["q.json", "check the path"]),
        ("q.json", '{"version": 1,\n "rows": []}', ["not a list of objects"]),
        ("q.json", '{"data": {}}', ["not a list of objects"]),
        ("q.json", '{"question": "A?", "answers": [], "id": 1, "text": "x"}\n{"id": ', ["line 2", "not JSON", "fix"]),
        ("q.json", "", ["q.json", "empty", "check the path"]),
        ("q.parquet", "", ["q.parquet", "empty", "check the path"]),
        ("q.jsonl", "\n\n", ["q.jsonl", "no rows", "check the path"]),
        ("q.json", "{}", ["not a list of objects", "[{...}, ...]"]),
        ("q.json", "[1]", ["not a list of objects"]),
        ("q.json", '[{"id":\n', ["not JSON", "line", "fix"]),
        ("q.txt", "id,question", ["q.txt", "unknown format", ".jsonl", ".csv", ".xlsx"]),
        ("q.csv", "id,question", ["q.csv", "no rows", "check the path"]),
        ("q.tsv", b"id\tquestion\n\xff\tWho?\n", ["q.tsv", "UTF-8"]),
        ("q.csv.gz", "no gzip", ["q.csv.gz", "cannot be read"]),
        ("q.jsonl.gz", "no gzip", ["q.jsonl.gz", "cannot be read"]),
        ("q.json.gz", "no gzip", ["q.json.gz", "cannot be read"]),
        ("q.parquet", "no parquet", ["q.parquet", "cannot be read"]),
        ("q.jsonl", b'{"id": "\xff"}', ["q.jsonl", "UTF-8"]),
        ("q.json", b'[{"id": "\xff"}]', ["q.json", "UTF-8"]),
    ],
)
def test_a_bad_file_is_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert_refused(words, read_questions, str(tmp_path / name))
    assert_refused(words[:1], read_passages, str(tmp_path / name))


@pytest.mark.parametrize("name", ["none.jsonl", "none.parquet", "none", "deeper/none"])
def test_a_missing_file_is_named(tmp_path, name):
    assert_refused([name, "check the path"], read_questions, str(tmp_path / name))


def test_a_folder_that_is_no_dataset_is_named(tmp_path):
    assert_refused([str(tmp_path), "check"], read_questions, str(tmp_path))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "squat"}, ["'squat'", "did you mean 'squad'"]),
        ({"preset": "zzz"}, ["'zzz'", "open_qa"]),
        ({"columns": ["answer=x"]}, ["'answer=x'", "did you mean 'answers'"]),
        ({"columns": ["answers"]}, ["'answers'", "role=column"]),
        ({"columns": ["answers="]}, ["'answers='", "role=column"]),
        ({"columns": ["answers=answer"]}, ["row 1", "'answer'", "did you mean 'answers'"]),
        ({"columns": ["title=titel"]}, ["row 1", "'titel'"]),
        ({"columns": ["answers=meta.alias"]}, ["row 1", "'meta.alias'", "did you mean 'meta.aliases'"]),
        ({"columns": ["answers=meta.zzz"]}, ["row 1", "'meta.zzz'", "use one of meta.aliases"]),
        ({"columns": ["answers=question.text"]}, ["row 1", "'question.text'"]),
        ({"columns": ["answers=zzz"]}, ["row 1", "its columns are answers, id, meta, question", "[answers=COLUMN]"]),
    ],
)
def test_a_bad_mapping_is_named(tmp_path, options, words):
    row = PLAIN | {"meta": {"aliases": ["Ada"]}}
    assert_refused(words, read_questions, write_lines(tmp_path / "q.jsonl", row), **options)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": "2"}, ["row 2", "no column 'text'", "its columns are id; set corpus_columns: [text=COLUMN]"]),
        ({"id": "2", "text": " "}, ["row 2", "no passage text in 'text'"]),
        ({"id": "2", "text": 7}, ["row 2", "no passage text in 'text'"]),
        ({"text": "x"}, ["row 2", "no id in 'id'"]),
        ({"id": float("nan"), "text": "x"}, ["row 2", "no id in 'id'"]),
        ({"id": "2", "text": "x", "title": ["T"]}, ["row 2", "'title'", "not text"]),
    ],
)
def test_a_bad_passage_of_a_corpus_is_named(tmp_path, row, words):
    assert_refused(words, read_passages, write_lines(tmp_path / "c.jsonl", {"id": "1", "text": "one"}, row))


def assert_refused(words, function, *arguments, **options):
    with pytest.raises(UserError) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message


# --- sample and cut_words ---------------------------------------------------------------------------------------------

MIXED = [Question(f"{i}", "q?", ("a",), answerable=i % 3 > 0) for i in range(30)]


@pytest.mark.parametrize(
    ("answerable", "unanswerable", "sizes"), [(5, 3, (5, 3)), (-1, 0, (20, 0)), (99, -1, (20, 10))]
)
def test_a_sample_has_so_many_of_each_kind_in_order(answerable, unanswerable, sizes):
    drawn = sample(MIXED, answerable, unanswerable, seed=0)
    assert (sum(q.answerable for q in drawn), sum(not q.answerable for q in drawn)) == sizes
    assert drawn == [q for q in MIXED if q in drawn]


def test_a_sample_repeats_by_seed():
    assert sample(MIXED, 5, 5, seed=1) == sample(MIXED, 5, 5, seed=1) != sample(MIXED, 5, 5, seed=2)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("one two three", 0, "one two three"),
        ("one two three", -1, "one two three"),
        ("one two three", 3, "one two three"),
        ("one two three", 9, "one two three"),
        ("one  two\n\nthree", 2, "one  two"),
        (" one\ttwo three ", 2, " one\ttwo"),
        ("one two three", 1, "one"),
        ("", 2, ""),
    ],
)
def test_cut_words(text, limit, expected):
    assert cut_words(text, limit) == expected


# --- the embedded default ---------------------------------------------------------------------------------------------

SPLITS = ("train", "dev", "test")


@pytest.fixture(scope="module")
def embedded():
    return {split: (read_questions("embedded", split), read_passages("embedded", split)) for split in SPLITS}


def test_embedded_sizes(embedded):
    questions = [q for part, _ in embedded.values() for q in part]
    passages = [p for _, part in embedded.values() for p in part]
    assert sum(q.answerable for q in questions) >= 240
    assert sum(not q.answerable for q in questions) >= 60
    assert len(passages) >= 120
    assert {p.id: len(p.text.split()) for p in passages if not 40 <= len(p.text.split()) <= 70} == {}
    assert all(any(not q.answerable for q in part) for part, _ in embedded.values())


@pytest.mark.parametrize("split", SPLITS)
def test_embedded_gold_passages_are_in_the_split_and_hold_the_first_answer(embedded, split):
    questions, passages = embedded[split]
    by_id = {p.id: p for p in passages}
    for q in questions:
        assert bool(q.gold_ids) == q.answerable, q.id
        for gold in q.gold_ids:
            assert contains_answer(by_id[gold].text, q.answers[:1]), q.id


def test_embedded_unanswerable_questions_have_true_answers_that_stand_nowhere(embedded):
    corpus = [p for _, passages in embedded.values() for p in passages]
    for q in (q for questions, _ in embedded.values() for q in questions if not q.answerable):
        assert q.answers, q.id
        assert [p.id for p in corpus if contains_answer(f"{p.title} {p.text}", q.answers)] == [], q.id


def test_embedded_splits_share_no_passage_and_no_question(embedded):
    for kind, key in ((0, "id"), (0, "text"), (1, "id"), (1, "text"), (1, "title")):
        found = [normalise(getattr(item, key)) for parts in embedded.values() for item in parts[kind]]
        assert sorted({f for f in found if found.count(f) > 1}) == [], key


def test_embedded_has_no_other_split():
    assert_refused(["embedded (split 'validation')", "check"], read_questions, "embedded", "validation")
    assert_refused(["embedded (split 'validation')", "check"], read_passages, "embedded", "validation")


def test_a_column_mapped_by_hand_is_not_what_the_preset_takes_it_for(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"query": "Who?", "gold": {"aliases": ["Ada", "Lovelace"]}}\n', encoding="utf-8")
    question = read_questions(str(path), columns=["question=query", "answers=gold.aliases"])[0]
    assert question.answers == ("Ada", "Lovelace") and question.gold_ids == ()


@pytest.mark.parametrize("source", ["embeded", "Embedded", "embeddded"])
def test_a_misspelt_embedded_is_named_without_asking_the_hub(source, monkeypatch):
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: pytest.fail("the Hub was asked"))
    with pytest.raises(UserError, match="did you mean 'embedded'"):
        read_questions(source)
