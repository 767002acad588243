"""What `max_passage_words` does is said and bounded, and passages of one id are all searched."""

import json

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.verbs.cli import parse

COLOURS = {"zorb": "amber", "quill": "teal", "marn": "scarlet", "vesk": "indigo"}
LATE = "The {} is sold in Halden by the road to the sea. The colour of {} is {}."


@pytest.fixture
def evidence(tmp_path, capsys):
    """The rows, the report and what was said, from questions about colours and keys."""

    def found(passages_of, *flags, corpus=None):
        rows = [
            {
                "id": f"q{i}",
                "question": f"What is the colour of {thing}?",
                "answers": [colour],
                **passages_of(thing, colour),
            }
            for i, (thing, colour) in enumerate(COLOURS.items())
        ]
        (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        if corpus:
            (tmp_path / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in corpus))
        where = ["--train_corpus", str(tmp_path / "c.jsonl") if corpus else "questions"]
        keys = [f"--output_dir={tmp_path}", "--train_questions", str(tmp_path / "q.jsonl"), *where]
        made, recall = recipe_evidence(parse([*keys, "--passages_per_question=2", *flags]), "train")
        return made, recall, " ".join(capsys.readouterr().err.split())

    return found


def numbered(thing, colour):
    """Passages whose ids count anew in every question, the first of them gold."""
    texts = (f"The colour of {thing} is {colour}.", f"The {thing} is sold in Halden.")
    return {"ctxs": [{"id": i, "title": thing, "text": text} for i, text in enumerate(texts)], "gold": [0]}


def chunked(thing, colour):
    """Two chunks that bear their document's id, the answer in the second."""
    texts = (f"The {thing} is sold in Halden.", f"The colour of {thing} is {colour}.")
    return {"ctxs": [{"id": f"doc-{thing}", "title": thing, "text": text} for text in texts], "gold": [f"doc-{thing}"]}


@pytest.mark.parametrize("kind", [numbered, chunked])
@pytest.mark.parametrize("retriever", ["bm25", "given"])
def test_every_passage_is_there_whatever_its_id(evidence, kind, retriever, tmp_path):
    flags = ["--preset=dpr", "--columns=gold=gold", f"--retriever={retriever}", f"--index_dir={tmp_path / 'index'}"]
    for _ in range(2):  # the second time from the saved index
        rows, recall, _ = evidence(kind, *flags, "--train_twins=-1")
        shown = [row for row in rows if not row.gold_removed]
        assert [row.answer_in_context for row in shown] == [True] * 4
        assert recall["answer@1" if kind is numbered and retriever == "given" else "answer@2"] == recall["gold@2"] == 1
        for twin in (row for row in rows if row.gold_removed):
            assert not any(map(twin.question.is_gold, twin.passages))


def late(thing, colour):
    return {"ctxs": [{"id": f"doc-{thing}", "text": LATE.format(thing, thing, colour)}], "gold": [f"doc-{thing}"]}


@pytest.mark.parametrize("retriever", ["bm25", "given"])
def test_a_cut_that_loses_answers_is_refused_with_figures(evidence, retriever):
    flags = ["--preset=dpr", "--columns=gold=gold", f"--retriever={retriever}", "--max_passage_words=12"]
    told = r"max_passage_words 12 loses the answers of 4 of 4 train questions .*100\.0%, the first is 'q0'.*split_pass"
    with pytest.raises(UserError, match=told):
        evidence(late, *flags)
    rows, recall, said = evidence(late, *flags, "--max_answers_cut=1")
    assert not any(row.answer_in_context for row in rows) and recall["answers_cut"] == 1
    assert (
        "train: 4 of 4 passages are longer than 12 words and were truncated; 4 of 4 questions lost the answer" in said
    )


@pytest.mark.parametrize("retriever", ["bm25", "given"])
def test_split_passages_lose_nothing(evidence, retriever):
    flags = ["--preset=dpr", "--columns=gold=gold", f"--retriever={retriever}", "--max_passage_words=12"]
    rows, recall, said = evidence(late, *flags, "--split_passages")
    assert [row.answer_in_context for row in rows] == [True] * 4
    assert "answers_cut" not in recall and recall["gold@1"] == 1
    assert "4 of 4 passages are longer than 12 words and were split into 8 pieces" in said
    assert {p.id for p in rows[0].passages} <= {f"doc-{thing}#{i}" for thing in COLOURS for i in (1, 2)}


def test_a_cut_that_loses_no_answer_is_said_too(evidence):
    corpus = [
        {"id": thing, "title": "", "text": f"The colour of {thing} is {colour}. " + "It is sold. " * 9}
        for thing, colour in COLOURS.items()
    ]
    rows, recall, said = evidence(lambda *_: {}, "--max_passage_words=6", corpus=corpus)
    assert all(row.answer_in_context for row in rows) and "answers_cut" not in recall
    assert "4 of 4 passages are longer than 6 words and were truncated; 0 of 4 questions lost the answer" in said
    assert "longer" not in evidence(lambda *_: {}, "--max_passage_words=0", corpus=corpus)[2]


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--split_passages", "--max_passage_words=0"], "split_passages is set, but max_passage_words is 0"),
        (["--max_answers_cut=1.5"], "max_answers_cut is 1.5: give a share between 0 and 1"),
        (["--max_answers_cut=nan"], "max_answers_cut is nan"),
    ],
)
def test_keys_that_make_no_sense_are_refused(evidence, flags, line):
    with pytest.raises(UserError, match=line):
        evidence(late, "--preset=dpr", *flags)
