"""The labelled replies keep the form that their README promises, and hold no text of other people's data."""

import gzip
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

LABELLED = Path(__file__).parents[1] / "benchmarks" / "labelled"
OPEN_QA = Path(__file__).parents[2] / "shared" / "data" / "open_qa"
HALVES = {
    name: [json.loads(line) for line in (LABELLED / f"replies.{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    for name in ("tune", "report")
}
ROWS = [row for rows in HALVES.values() for row in rows]
EVERY = {"id", "question_id", "source", "label", "text", "language"}
COLUMNS = {
    "generated": EVERY | {"model", "prompt", "file"},
    "written": EVERY | {"kind", "question", "answers"},
}


def words(text):
    return re.findall(r"\w+", text.casefold())


def runs_of(text):
    """All runs of fifteen words."""
    told = words(text)
    return zip(*(told[start:] for start in range(15)), strict=False)


def lines_of(name):
    with gzip.open(OPEN_QA / name, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@pytest.fixture(scope="module")
def asked():
    """The questions of ../shared by file and id."""
    if not OPEN_QA.exists():
        pytest.skip("needs ../shared/data/open_qa")
    files = sorted(path.name for path in OPEN_QA.glob("t*.jsonl.gz"))
    return {(name, line["id"]): line["question"] for name in files for line in lines_of(name)}


def test_every_reply_has_one_id_one_label_and_the_columns_of_its_source():
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert {row["label"] for row in ROWS} == {"abstain", "correct", "incorrect"}
    for row in ROWS:
        assert set(row) == COLUMNS[row["source"]], row["id"]
        assert row["text"].strip(), row["id"]


def test_a_correct_reply_has_an_accepted_answer():
    assert not [r["id"] for r in ROWS if r["source"] == "written" and r["label"] == "correct" and not r["answers"]]


def test_no_reply_to_a_question_stands_twice():
    told = [(row["question_id"], row["text"].strip().casefold()) for row in ROWS]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("half", HALVES)
def test_the_half_is_the_parity_of_the_hash_of_the_question(half):
    parity = ("tune", "report").index(half)
    assert {hashlib.sha256(row["question_id"].encode()).digest()[-1] % 2 for row in HALVES[half]} == {parity}


def test_written_replies_come_in_eleven_languages():
    assert len({row["language"] for row in ROWS if row["source"] == "written"}) == 11


def test_the_question_of_a_generated_reply_is_found_and_not_repeated(asked):
    for row in ROWS:
        if row["source"] == "generated":
            question = asked[row["file"], row["question_id"]]
            assert " ".join(words(question)) not in " ".join(words(row["text"])), row["id"]


def test_no_written_question_is_anybody_elses(asked):
    theirs = {" ".join(words(question)) for question in asked.values()}
    assert not theirs & {" ".join(words(row["question"])) for row in ROWS if row["source"] == "written"}


def test_no_reply_repeats_a_passage(asked):
    told = {run: row["id"] for row in ROWS for run in runs_of(row["text"])}
    assert not {told[run] for line in lines_of("corpus.jsonl.gz") for run in runs_of(line["text"]) if run in told}


def test_there_are_enough_and_half_of_them_come_from_models():
    assert len(ROWS) >= 1500
    assert sum(row["source"] == "generated" for row in ROWS) >= max(750, len(ROWS) / 2)
    assert min(len(rows) for rows in HALVES.values()) >= 0.4 * len(ROWS)
    for source in COLUMNS:
        labels = Counter(row["label"] for row in ROWS if row["source"] == source)
        assert min(labels.values()) >= 100 and labels["abstain"] >= labels.total() / 5
