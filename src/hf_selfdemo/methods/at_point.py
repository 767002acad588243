"""How a model is asked at its operating point, and the file that keeps the point beside the model's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import PointRecord
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.manifest import read_json, write_checked_json
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.types import Answer, Dialogue, Evidence, Message, Mode
from hf_selfdemo.generation.tuned import POINT_FILE, weights_hash
from hf_selfdemo.methods.answering import answerer_identity
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
        return answerer_identity(
            "operating_point", [], self.answerer.identity, self.point.mix.record(), self.point.threshold
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


def write_point(folder: Path, point: OperatingPoint, answerer: Answerer, about: Mapping[str, Any]) -> Path:
    """Keep a point in a model's folder, in place of an earlier one.

    Args:
        folder: of the model whose replies it was chosen on.
        point: the point.
        answerer: who asked for these replies.
        about: what else the file tells.

    Raises:
        UserError: if the folder holds no model.
    """
    path = folder / POINT_FILE
    told = {"point": point.record(), "weights": weights_hash(folder), "answerer": answerer.identity}
    write_checked_json(path, dict(about) | told)
    return path


def at_recorded_point(folder: Path, answerer: Answerer) -> AtPoint | None:
    """How the model in a folder is asked at the point that the folder keeps; None where it keeps none.

    Args:
        folder: of a model.
        answerer: how the model is asked without it.

    Raises:
        UserError: if the point was chosen for other weights, or for answers that were asked for in another way.
    """
    path = folder / POINT_FILE
    if not path.exists():
        return None
    found = read_json(path, PointRecord)
    away = f"{AGAIN}, or remove {path}"
    if found["weights"] != weights_hash(folder):
        raise UserError(f"{path} was chosen for other weights than the model has now", away)
    if found["answerer"] != answerer.identity:
        raise UserError(f"{path} was chosen for a model that is asked in another way", away)
    with explained(f"{path} holds no operating point", away):
        return AtPoint(answerer, OperatingPoint.read(found["point"]))
