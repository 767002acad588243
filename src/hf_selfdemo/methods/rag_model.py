"""Using a trained model: it takes a question and passages, and returns an answer or an abstention."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import CallFailed, UserError
from hf_selfdemo.core.protocols import Answerer, Generator
from hf_selfdemo.core.types import Answer, Evidence, Mode, Passage, Question
from hf_selfdemo.generation.models import ResolvedModel, load_model, load_tokenizer
from hf_selfdemo.generation.tuned import base_of, is_adapter, merged, trained_folder, weights_of
from hf_selfdemo.methods.answering import PROMPTED
from hf_selfdemo.methods.at_point import AtPoint, for_server, recorded_answerer
from hf_selfdemo.scoring.operating_point import OperatingPoint
from hf_selfdemo.scoring.refusal import is_refusal

if TYPE_CHECKING:
    from hf_selfdemo.generation.server import ServerGenerator


@dataclass(frozen=True, slots=True)
class RagAnswer:
    """A model's answer to a question.

    Args:
        text: the answer, or the words of the abstention.
        abstained: whether the model abstains.
        confidence: the probability that the answer is correct; None if the model has no operating point.
    """

    text: str
    abstained: bool
    confidence: float | None = None


class RagModel:
    """A model that is asked with its training prompt. It is thread-safe.

    Args:
        generator: the model.
        answerer: how it is asked; by default one call with the usual prompt.

    Relations: `load_rag_model` makes one from a trained model's folder.

    Example:
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> model = RagModel(ScriptedGenerator(lambda request: "Ada Storm."))
        >>> model.answer("Who built the hall?", [Passage("1", "Ada Storm built it in 1901.", title="The hall")])
        RagAnswer(text='Ada Storm.', abstained=False, confidence=None)
    """

    def __init__(self, generator: Generator, answerer: Answerer = PROMPTED) -> None:
        self.generator, self.answerer = generator, answerer
        self._turns = threading.Semaphore(generator.concurrency)

    def answer(self, question: str, passages: Sequence[Passage] | None) -> RagAnswer:
        """Ask one question.

        Args:
            question: text of the question.
            passages: the passages to show, best first, with the retriever's scores if an operating point needs them.
                None asks closed-book, without passages and without operating point.

        Raises:
            UserError: if the call fails, for example because the prompt is longer than the model's context, or if the
                answer lacks a signal that the operating point needs.
        """
        mode: Mode = "closed_book" if passages is None else "rag"
        asked = Evidence(Question("the question", question), tuple(passages or ()))
        with self._turns:
            try:
                [found] = converse([self.answerer.answer(asked, mode)], self.generator)
            except CallFailed as failure:
                raise UserError(f"the model did not answer: {failure}", "ask again, or show fewer passages") from None
        if passages and found.confidence is None and isinstance(self.answerer, AtPoint):
            _refuse_without_signal(self.answerer.point, found)
        return RagAnswer(found.text, is_refusal(found.text, question), found.confidence)


def _refuse_without_signal(point: OperatingPoint, answer: Answer) -> None:
    """Raise an error that names a missing signal, because without it every answer would become an abstention."""
    told = dict((answer.withheld or answer).signals)
    for name, _ in point.mix.weights:
        if name not in told:
            what = f"the operating point needs the signal {name!r}, which the answer lacks"
            raise UserError(what, _SIGNAL_FROM.get(name, "run `hf-selfdemo operating_point` again"))


_SIGNAL_FROM = {
    "retriever_score": "set `score` of each passage to your retriever's score",
    "logprob": "use a server that returns log-probabilities, with ServerGenerator(..., logprobs=True)",
}


def load_rag_model(where: str | Path, server: ServerGenerator | None = None) -> RagModel:
    """Load a trained model, to be asked by its recorded method and at its operating point if it has one.

    Args:
        where: folder of an adapter (`RUN/model`) or of a whole model (`RUN/merged`), or the Hub id of a pushed one.
        server: a server that has the model. Then no weights are loaded, and the folder only says how the model is
            asked. For an operating point the server needs `logprobs=True`.

    Raises:
        UserError: if the folder has no model, its base model differs from the one it was trained on, or its operating
            point needs a signal that servers do not return.
    """
    folder = trained_folder(where)
    answerer = recorded_answerer(folder)
    if server is not None:
        return RagModel(server, for_server(answerer))
    from hf_selfdemo.generation.transformers import TransformersGenerator

    weights_of(folder)  # raises an error for a folder without a model
    found = ResolvedModel(str(folder), str(folder), "")
    network = merged(load_model(base_of(folder)), folder) if is_adapter(folder) else load_model(found)
    return RagModel(TransformersGenerator(network, load_tokenizer(found)), answerer)
