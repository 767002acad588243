"""How a model is asked at its operating point, and the file that keeps the point beside the model's weights."""

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
    """Asks as another answerer does, and gives its attempt where the confidence of that reaches the point's threshold.

    Below it the answer is the model's own refusal, or `REFUSAL` where it wrote none. Without passages there is no
    operating point: the answer is as it came.

    Args:
        answerer: who asks; its answers carry signals, and what was withheld.
        point: chosen on answers of the same answerer.

    Relations: `scoring.operating_point.at_point` says the same of labelled replies.
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
    """Keep a point in a model's folder, in place of an earlier one.

    Args:
        folder: of the model whose replies it was chosen on.
        point: the point.
        answerer: who asked for these replies.
        max_answer_tokens: how long they could be.
        about: what else the file tells.

    Raises:
        UserError: if the folder holds no model.
    """
    path = folder / POINT_FILE
    asked = {"answerer": answerer.identity, "signals": _signals_asked(answerer), "max_answer_tokens": max_answer_tokens}
    write_checked_json(path, {**about, "point": point.record(), "weights": weights_hash(folder), **asked})
    return path


def move_point(source: Path, target: Path) -> Path:
    """Keep a model's point beside the same model in another form, as an adapter that was merged into its base.

    Args:
        source: folder of the model that it was chosen for.
        target: folder of the other form.
    """
    path = target / POINT_FILE
    write_checked_json(path, read_json(source / POINT_FILE, PointRecord) | {"weights": weights_hash(target)})
    return path


def recorded_point(folder: Path) -> OperatingPoint | None:
    """The point that a model's folder keeps; None where it keeps none.

    Args:
        folder: of a model.

    Raises:
        UserError: if the file is damaged, or the point was chosen for other weights.
    """
    found = _recorded(folder)
    return found[1] if found else None


def _recorded(folder: Path) -> tuple[dict[str, Any], OperatingPoint] | None:
    """What the file of a model's point tells, and the point; None where there is no file."""
    path = folder / POINT_FILE
    if not path.exists():
        return None
    found = read_json(path, PointRecord)
    if found["weights"] != weights_hash(folder):
        raise UserError(f"{path} was chosen for other weights than the model has now", f"{AGAIN}, or remove {path}")
    with explained(f"{path} holds no operating point", f"{AGAIN}, or remove {path}"):
        return found, OperatingPoint.read(found["point"])


def at_recorded_point(folder: Path, answerer: Answerer) -> AtPoint | None:
    """How the model in a folder is asked at the point that the folder keeps; None where it keeps none.

    Args:
        folder: of a model.
        answerer: how the model is asked without it; it is told to ask for the signals that the point was chosen by.

    Raises:
        UserError: if the point was chosen for other weights, or for answers that were asked for in another way.
    """
    recorded = _recorded(folder)
    if recorded is None:
        return None
    (found, point), path = recorded, folder / POINT_FILE
    if found["answerer"] != answerer.identity:
        raise UserError(
            f"{path} was chosen for a model that is asked in another way",
            f"ask as then (max_answer_tokens), or {AGAIN}, or remove {path}",
        )
    answerer = with_signals(answerer, folder)  # as far as the file does not tell which
    if isinstance(answerer, PromptAnswerer) and (asked := found.get("signals")):
        answerer = replace(answerer, openings=tuple(asked["openings"]), withheld=asked["withheld"])
    return AtPoint(answerer, point)


def recorded_answerer(folder: Path) -> Answerer:
    """How the model in a folder is asked by all that the folder tells: as its method says, at its operating point.

    Args:
        folder: of a model.

    Raises:
        UserError: if its method is not known here, or its point is another model's.
    """
    record = read_json(folder / POINT_FILE, PointRecord, missing_ok=True)
    length, method = record.get("max_answer_tokens", 32), recorded_method(folder)
    answerer = method.answerer(length) if method else PromptAnswerer(length)
    return at_recorded_point(folder, answerer) or answerer


def _signals_asked(answerer: Answerer) -> SignalsAsked:
    """What is asked besides the answer; a method's own way of asking always has the signals that it has."""
    if isinstance(answerer, PromptAnswerer):
        return {"openings": list(answerer.openings), "withheld": answerer.withheld}
    return {"openings": [], "withheld": False}
