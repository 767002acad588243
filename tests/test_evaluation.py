"""Replies are labelled against the right rows, kept, and asked for once."""

import pytest

from hf_selfdemo.evaluation import predict
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.retrieval.bm25 import BM25Retriever
from hf_selfdemo.retrieval.evidence import collect_evidence, leave_gold_out


@pytest.fixture
def evidence(questions, passages):
    retriever = BM25Retriever(passages)
    rows = collect_evidence([*questions[:8], *[q for q in questions if not q.answerable][:3]], retriever, 2)
    return rows + leave_gold_out(rows, retriever, 2)


def test_rows_are_split_by_what_the_passages_hold(evidence, tmp_path):
    rows = predict(evidence, ScriptedGenerator(lambda r: "I don't know."), AnswerMatchJudge(), "rag", tmp_path / "p")
    assert [p.id for p in rows] == [e.id for e in evidence]
    assert {p.label for p in rows} == {"abstain"}
    assert sum(p.answerable for p in rows) == sum(p.answer_in_context for p in rows) == 8


def test_closed_book_shows_no_passage_and_no_twin(evidence, tmp_path):
    asked = []
    generator = ScriptedGenerator(lambda r: asked.append(r.messages[0]["content"]) or "x")
    rows = predict(evidence, generator, AnswerMatchJudge(), "closed_book", tmp_path / "p")
    assert len(rows) == len(asked) == 11
    assert not any(evidence[0].passages[0].text in text for text in asked)


def test_interrupted_evaluation_goes_on(evidence, tmp_path):
    class Dies(ScriptedGenerator):
        def generate(self, requests):
            if self.usage.calls >= 8:
                raise KeyboardInterrupt
            return super().generate(requests)

    with pytest.raises(KeyboardInterrupt):
        predict(evidence, Dies(), AnswerMatchJudge(), "rag", tmp_path / "p", window=4)
    second = ScriptedGenerator()
    rows = predict(evidence, second, AnswerMatchJudge(), "rag", tmp_path / "p", window=4)
    assert second.usage.calls == len(evidence) - 8
    assert rows == predict(evidence, ScriptedGenerator(), AnswerMatchJudge(), "rag", tmp_path / "q")


def test_empty_replies_are_unscored(evidence, tmp_path):
    rows = predict(evidence, ScriptedGenerator(lambda r: ""), AnswerMatchJudge(), "rag", tmp_path / "p")
    assert {p.label for p in rows} == {"unscored"}
