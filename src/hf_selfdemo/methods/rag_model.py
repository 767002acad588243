"""A trained model in use: a question and passages go in, an answer or an abstention comes out."""

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
    """What a model says to a question.

    Args:
        text: the answer, or the words with which the model abstains.
        abstained: whether it abstains.
        confidence: the probability that the answer is correct, if the model has an operating point; else None.
    """

    text: str
    abstained: bool
    confidence: float | None = None


class RagModel:
    """A model that is asked under the prompt that it was trained with. Any number of threads may ask.

    Args:
        generator: the model.
        answerer: how it is asked; default is one call under the usual prompt.

    Relations: `load_rag_model` makes one of what training left.

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
            question: its text.
            passages: shown with it, best first, with the scores of the retriever if an operating point counts on them.
                None asks without passages (closed-book), where there is no operating point.

        Raises:
            UserError: if the call fails, for instance because the prompt is longer than the model's context, or the
                answer lacks a signal that the operating point counts on.
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
    """Name the signal that is missing, as without it every answer would become an abstention."""
    told = dict((answer.withheld or answer).signals)
    for name, _ in point.mix.weights:
        if name not in told:
            what = f"the operating point counts on the signal {name!r}, which the answer lacks"
            raise UserError(what, _SIGNAL_FROM.get(name, "choose a point again"))


_SIGNAL_FROM = {
    "retriever_score": "give the passages the scores of your retriever",
    "logprob": "ask a server that tells log-probabilities, with ServerGenerator(..., logprobs=True)",
}


def load_rag_model(where: str | Path, server: ServerGenerator | None = None) -> RagModel:
    """Load what training left, and ask it as its folder says: by its method, and at its operating point if it has one.

    Args:
        where: folder of an adapter (`RUN/model`) or of a whole model (`RUN/merged`), or the Hub id of one that was
            pushed.
        server: asks a server that has the model, and no weights are loaded; the folder only says how it is asked. An
            operating point needs `logprobs=True` of the server.

    Raises:
        UserError: if the folder contains no model, its base model is another one than it was trained on, or its
            operating point counts on a signal that servers do not tell.
    """
    folder = trained_folder(where)
    answerer = recorded_answerer(folder)
    if server is not None:
        return RagModel(server, for_server(answerer))
    from hf_selfdemo.generation.transformers import TransformersGenerator

    weights_of(folder)  # refuses a folder without a model
    found = ResolvedModel(str(folder), str(folder), "")
    network = merged(load_model(base_of(folder)), folder) if is_adapter(folder) else load_model(found)
    return RagModel(TransformersGenerator(network, load_tokenizer(found)), answerer)
