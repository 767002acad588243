"""Contract tests for answerers, which follow `core.protocols.Answerer`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from hf_selfdemo.core.errors import CallFailed
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.types import Answer, Evidence, Mode, Passage, Question, Reply, Request
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.testing.dialogues import held
from hf_selfdemo.testing.rows import ANSWERABLE, SENTINEL, SHOWN

ROWS = [
    ANSWERABLE,
    dataclasses.replace(ANSWERABLE, gold_removed=True),
    Evidence(Question("q2", "Who found iodine?", (SENTINEL,)), ()),
    Evidence(Question("q3", "Who found neon?", ()), SHOWN),
    Evidence(
        Question("q4", "Who found argon?", ()), tuple(Passage(f"a{i}", f"Argon was found {i}.") for i in range(5))
    ),
]
MODES: tuple[Mode, ...] = ("rag", "closed_book")


def talk(
    answerer: Answerer,
    row: Evidence,
    mode: Mode,
    say: Callable[[Request], str] = lambda request: f"Answer: reply {request.id}",
    finish: Any = "stop",
) -> tuple[Answer, list[Request]]:
    """Run the dialogue. Returns the answer and all requests."""
    return held(answerer.answer(row, mode), lambda request: Reply(say(request), finish))


def talks(answerer: Answerer) -> list[tuple[Evidence, Mode, Answer, list[Request]]]:
    """Run every row in every mode. Returns the answers and the requests."""
    return [(row, mode, *talk(answerer, row, mode)) for row in ROWS for mode in MODES]


class Failing(ScriptedGenerator):
    """A generator that answers all requests but one, which fails."""

    def __init__(self, failing: str) -> None:
        super().__init__(lambda request: "Answer: in a mine")
        self.failing = failing

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        for i, reply in super().stream(requests):
            yield i, Reply("", "error", error="no") if requests[i].id == self.failing else reply


class AnswererContract:
    """Contract tests for an answerer. Subclass it and define a fixture `answerer` that returns your answerer."""

    @pytest.fixture
    def answerer(self) -> Answerer:
        raise NotImplementedError("define a fixture `answerer` that returns your answerer")

    def test_it_is_an_answerer(self, answerer: Any) -> None:
        assert isinstance(answerer, Answerer)
        assert answerer.identity.partition("/")[2] and answerer.most_calls >= 1

    def test_an_answer_comes_of_at_most_so_many_calls(self, answerer: Any) -> None:
        for _, _, answer, requests in talks(answerer):
            assert isinstance(answer, Answer) and "reply" in answer.text
            assert 1 <= len(requests) <= answerer.most_calls
        assert max(len(requests) for *_, requests in talks(answerer)) == answerer.most_calls

    def test_requests_are_the_same_every_time(self, answerer: Any) -> None:
        assert talks(answerer) == talks(answerer)

    def test_request_ids_are_unique_over_rows_and_twins(self, answerer: Any) -> None:
        for mode in MODES:
            ids = [request.id for row in ROWS for request in talk(answerer, row, mode)[1]]
            assert len(set(ids)) == len(ids)

    def test_no_request_shows_a_gold_answer_and_each_shows_the_question(self, answerer: Any) -> None:
        for row, _, _, requests in talks(answerer):
            for request in requests:
                assert row.question.text in repr(request.messages)
                assert not any(word in repr(request) for word in SENTINEL.split())

    def test_closed_book_shows_no_passage_and_a_row_with_passages_shows_them_all(self, answerer: Any) -> None:
        for row, mode, _, requests in talks(answerer):
            said = repr([(request.messages, request.begun) for request in requests])
            assert [p.text in said for p in row.passages] == [mode == "rag"] * len(row.passages)

    def test_a_single_prompt_is_the_one_that_is_asked(self, answerer: Any) -> None:
        for row, mode, _, requests in talks(answerer):
            prompt = answerer.prompt(row, mode)
            assert prompt is None or [request.messages for request in requests] == [prompt]

    def test_whichever_call_fails_the_row_is_unscored_and_no_other(self, answerer: Any) -> None:
        for mode in MODES:
            for request in talk(answerer, ANSWERABLE, mode)[1]:
                found = predict([ANSWERABLE, ROWS[3]], Failing(request.id), AnswerMatchJudge(), mode, answerer)
                assert [p.label == "unscored" for p in found] == [True, False], request.id

    def test_a_failed_call_is_not_swallowed(self, answerer: Any) -> None:
        dialogue = answerer.answer(ANSWERABLE, "rag")
        next(dialogue)
        with pytest.raises(CallFailed):
            dialogue.throw(CallFailed("no"))

    def test_an_answer_that_was_cut_off_says_so(self, answerer: Any) -> None:
        answer, _ = talk(answerer, ANSWERABLE, "rag", finish="length")
        assert answer.finish_reason == "length"
