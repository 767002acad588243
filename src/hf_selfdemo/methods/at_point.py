"""Asking a model at its operating point, and the file beside the model's weights that saves the point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import PointRecord, SignalsAsked
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.manifest import read_json, write_checked_json
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.types import Answer, Dialogue, Evidence, Message, Mode
from hf_selfdemo.generation.tuned import POINT_FILE, weights_hash
from hf_selfdemo.methods.answering import PromptAnswerer, answerer_identity
from hf_selfdemo.methods.method import recorded_method
from hf_selfdemo.methods.openings import with_signals
from hf_selfdemo.scoring.operating_point import REFUSAL, OperatingPoint
from hf_selfdemo.scoring.refusal import is_refusal

AGAIN = "evaluate the dev questions (--evaluate_on dev) and run `hf-selfdemo operating_point` again"


@dataclass(frozen=True)
class AtPoint:
    """Asks with another answerer, and gives its attempt only if the confidence reaches the point's threshold.

    Below the threshold it gives the model's own abstention, or the text `REFUSAL` if there is none. In closed-book mode
    there is no operating point, and the answer is not changed.

    Args:
        answerer: the answerer that asks; its answers have signals and withheld answers.
        point: an operating point chosen on answers of the same answerer.

    Relations: `scoring.operating_point.at_point` does the same to labelled replies.
    """

    answerer: Answerer
    point: OperatingPoint

    @property
    def identity(self) -> str:
        asked, point = _signals_asked(self.answerer), self.point
        return answerer_identity(
            "operating_point", [], self.answerer.identity, asked, point.mix.record(), point.threshold
        )

    @property
    def most_calls(self) -> int:
        return self.answerer.most_calls

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        found = yield from self.answerer.answer(evidence, mode)
        return found if mode == "closed_book" else self._at_point(found, evidence.question.text)

    def prompt(self, evidence: Evidence, mode: Mode) -> tuple[Message, ...] | None:
        return self.answerer.prompt(evidence, mode)

    def _at_point(self, answer: Answer, question: str) -> Answer:
        tried = answer.withheld or answer
        confidence = self.point.confidence(tried.signals)
        if self.point.answers(confidence):
            answer = replace(answer, text=tried.text, finish_reason=tried.finish_reason, signals=tried.signals)
            return replace(answer, confidence=confidence, withheld=None)
        refuses = answer.withheld is not None or is_refusal(answer.text, question)
        if refuses or answer.finish_reason == "error":
            return replace(answer, confidence=confidence)
        return replace(answer, text=REFUSAL, finish_reason="stop", confidence=confidence, withheld=answer)


def write_point(
    folder: Path, point: OperatingPoint, answerer: Answerer, max_answer_tokens: int, about: Mapping[str, Any]
) -> Path:
    """Save an operating point in a model's folder, replacing an earlier one.

    Args:
        folder: folder of the model whose replies it was chosen on.
        point: the operating point.
        answerer: the answerer of these replies.
        max_answer_tokens: maximum length of these replies.
        about: further entries of the file.

    Raises:
        UserError: if the folder has no model.
    """
    path = folder / POINT_FILE
    asked = {"answerer": answerer.identity, "signals": _signals_asked(answerer), "max_answer_tokens": max_answer_tokens}
    write_checked_json(path, {**about, "point": point.record(), "weights": weights_hash(folder), **asked})
    return path


def move_point(source: Path, target: Path) -> Path:
    """Copy a model's operating point to the folder of another form of the model, such as a merged adapter.

    Args:
        source: folder of the model that it was chosen for.
        target: folder of the other form.
    """
    path = target / POINT_FILE
    write_checked_json(path, read_json(source / POINT_FILE, PointRecord) | {"weights": weights_hash(target)})
    return path


def recorded_point(folder: Path) -> OperatingPoint | None:
    """The operating point saved in a model's folder; None if there is none.

    Args:
        folder: folder of a model.

    Raises:
        UserError: if the file is damaged, or the point was chosen for other weights.
    """
    found = _recorded(folder)
    return found[1] if found else None


def _recorded(folder: Path) -> tuple[dict[str, Any], OperatingPoint] | None:
    """The content of the file of a model's operating point, and the point; None if there is no file."""
    path = folder / POINT_FILE
    if not path.exists():
        return None
    found = read_json(path, PointRecord)
    if found["weights"] != weights_hash(folder):
        raise UserError(f"{path} was chosen for other weights than the model has now", f"{AGAIN}, or delete {path}")
    with explained(f"{path} does not contain an operating point", f"{AGAIN}, or delete {path}"):
        return found, OperatingPoint.read(found["point"])


def at_recorded_point(folder: Path, answerer: Answerer) -> AtPoint | None:
    """The answerer for the model in a folder at its saved operating point; None if there is no such point.

    Args:
        folder: folder of a model.
        answerer: the answerer without the point; it is changed to measure the signals that the point needs.

    Raises:
        UserError: if the point was chosen for other weights or another answerer.
    """
    recorded = _recorded(folder)
    if recorded is None:
        return None
    (found, point), path = recorded, folder / POINT_FILE
    if found["answerer"] != answerer.identity:
        raise UserError(
            f"{path} was chosen for another way of asking the model",
            f"restore max_answer_tokens and the method's options, or {AGAIN}, or delete {path}",
        )
    answerer = with_signals(answerer, folder)  # the default if the file does not record the signals
    if isinstance(answerer, PromptAnswerer) and (asked := found.get("signals")):
        answerer = replace(answerer, openings=tuple(asked["openings"]), withheld=asked["withheld"])
    return AtPoint(answerer, point)


def recorded_answerer(folder: Path) -> Answerer:
    """The answerer for the model in a folder: that of its recorded method, at its operating point if there is one.

    Args:
        folder: folder of a model.

    Raises:
        UserError: if its method is unknown, or its operating point belongs to another model.
    """
    record = read_json(folder / POINT_FILE, PointRecord, missing_ok=True)
    length, method = record.get("max_answer_tokens", 32), recorded_method(folder)
    answerer = method.answerer(length) if method else PromptAnswerer(length)
    return at_recorded_point(folder, answerer) or answerer


_SERVERS_TELL = ("retriever_score", "logprob")
"""The signals that are available from a server."""


def for_server(answerer: Answerer) -> Answerer:
    """The answerer for a model on a server: without calls for further signals, which servers cannot measure.

    Args:
        answerer: the answerer for the model in this process.

    Raises:
        UserError: if its operating point needs a signal that servers do not return.

    Example:
        >>> for_server(with_signals(PromptAnswerer())) == PromptAnswerer()
        True
    """
    if isinstance(answerer, AtPoint):
        missing = [name for name, _ in answerer.point.mix.weights if name not in _SERVERS_TELL]
        if missing:
            raise UserError(
                f"the operating point needs the signal {missing[0]!r}, which servers do not return",
                "choose a point on the server's replies: run `evaluate` on dev questions with `served`, then "
                "`operating_point`",
            )
        return replace(answerer, answerer=for_server(answerer.answerer))
    if isinstance(answerer, PromptAnswerer):
        return replace(answerer, openings=(), withheld=False)
    return answerer


def _signals_asked(answerer: Answerer) -> SignalsAsked:
    """The signals that are measured besides the answer; only `PromptAnswerer` has a choice."""
    if isinstance(answerer, PromptAnswerer):
        return {"openings": list(answerer.openings), "withheld": answerer.withheld}
    return {"openings": [], "withheld": False}
