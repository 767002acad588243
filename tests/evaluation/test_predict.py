"""Replies are labelled against the right rows, kept, and asked for once."""

import gc

import pytest

from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.types import Evidence, Passage, Question, Reply
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.evidence import collect_evidence, leave_gold_out
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.judging.llm_label import LlmLabelJudge


@pytest.fixture
def evidence(questions, passages):
    retriever = BM25Retriever(passages)
    rows = collect_evidence([*questions[:8], *[q for q in questions if not q.answerable][:3]], retriever, 2)
    return rows + leave_gold_out(rows, retriever, 2)


def test_rows_are_split_by_what_the_passages_hold(evidence):
    rows = predict(evidence, ScriptedGenerator(lambda r: "I don't know."), AnswerMatchJudge(), "rag")
    assert [p.id for p in rows] == [e.id for e in evidence]
    assert {p.label for p in rows} == {"abstain"}
    assert sum(p.answerable for p in rows) == sum(p.answer_in_context for p in rows) == 8


def test_closed_book_shows_no_passage_and_no_twin(evidence):
    asked = []
    generator = ScriptedGenerator(lambda r: asked.append(r.messages[0]["content"]) or "x")
    rows = predict(evidence, generator, AnswerMatchJudge(), "closed_book")
    assert len(rows) == len(asked) == 11
    assert not any(evidence[0].passages[0].text in text for text in asked)


def test_interrupted_evaluation_goes_on(evidence, tmp_path):
    asked = []

    def mortal(request):
        if len(asked) == 8:
            raise KeyboardInterrupt
        asked.append(request.id)
        return "x"

    ledger = Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(KeyboardInterrupt):
        predict(evidence, RecordedGenerator(ScriptedGenerator(mortal), ledger), AnswerMatchJudge(), "rag", window=4)
    second = RecordedGenerator(ScriptedGenerator(lambda r: "x"), ledger)
    rows = predict(evidence, second, AnswerMatchJudge(), "rag", window=4)
    assert second.usage.calls == len(evidence) - 8
    assert rows == predict(evidence, ScriptedGenerator(lambda r: "x"), AnswerMatchJudge(), "rag")


def test_a_call_that_failed_is_unscored_and_costs_no_other_row(evidence):
    class Unlucky(ScriptedGenerator):
        def stream(self, requests):
            for i, reply in super().stream(requests):
                yield i, Reply("", "error", error="no") if requests[i].id == evidence[2].id else reply

    labels = [p.label for p in predict(evidence, Unlucky(lambda r: "x"), AnswerMatchJudge(), "rag")]
    assert labels.pop(2) == "unscored" and set(labels) == {"incorrect"}


def test_a_judge_may_ask_another_model_than_the_one_judged(evidence):
    judge_model = ScriptedGenerator(lambda r: r.choices[0])
    model = ScriptedGenerator(lambda r: pytest.fail("judged by itself") if r.choices else "in other words")
    rows = predict(evidence[:3], model, LlmLabelJudge(), "rag", judge_generator=judge_model)
    assert [p.label for p in rows] == ["correct"] * 3


def test_empty_replies_are_unscored(evidence):
    rows = predict(evidence, ScriptedGenerator(lambda r: ""), AnswerMatchJudge(), "rag")
    assert {p.label for p in rows} == {"unscored"}


def test_few_rows_are_held_while_they_are_asked_and_judged():
    """Counted by the passages alive whenever the judge is asked."""

    def row(i):
        passages = tuple(Passage(f"{i}/{k}", f"Number {i} is {i * 7}, {k}.") for k in range(3))
        return Evidence(Question(f"q{i}", f"What is number {i}?", (str(i * 7),)), passages, True)

    class Counting(AnswerMatchJudge):
        def judge(self, evidence, candidates):
            counted.append(sum(type(found) is Passage for found in gc.get_objects()) if evidence.id in looked else 0)
            return super().judge(evidence, candidates)

    counted, looked = [], {f"q{i}" for i in range(0, 1000, 100)}
    rows = OnDisk(row(i) for i in range(1000))
    before = sum(type(found) is Passage for found in gc.get_objects())
    said = predict(rows, ScriptedGenerator(lambda request: "It is 7."), Counting(), "rag")
    assert len(said) == len(counted) == 1000 and said[1].label == "correct"
    assert max(counted) - before < 1000
