"""A gate that learns, as a bandit, when the expensive way of answering is worth its cost, and the file that saves it.

It is the secondary agent of LaGR-SEQ (Karimpanal et al. 2023, arXiv 2308.13542). Both answers to each dev question are
known, so the gate is fitted offline, without exploration.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from typing import Any, Literal

from hf_selfdemo.core.artefacts import GateFile, GateRecord
from hf_selfdemo.core.claim import differing
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.manifest import read_json, write_checked_json
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Evidence, Prediction
from hf_selfdemo.scoring.confidence import question_of

Reward = Literal["right", "gain"]

ALPHA = 0.1
"""The paper's learning rate."""

FEWEST = 20
"""Minimum number of questions to fit a gate."""

_TYPE_SHARE = 0.1
"""Minimum share of the fit questions for a first word to be a question type of its own."""

GATE_FILE = "gate.json"
"""The file of the gate in a run's folder."""

_MORE = "evaluate more dev questions (max_dev_questions) in both modes"
_REFIT = "run `hf-selfdemo evaluate --evaluate_on dev` and `hf-selfdemo gate` with the same recipe"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question answered both ways.

    `confidence` is the mean token log-probability of the cheap answer; None if the engine does not return it.
    """

    row: Evidence
    confidence: float | None
    cheap_right: bool
    expensive_right: bool

    def reward(self, kind: Reward) -> float:
        """The reward for asking; skipping has reward 0.

        Args:
            kind: "right" is the paper's: 1 if the expensive answer is correct, else -1. "gain" is 1 if only the
                expensive answer is correct, -1 if only the cheap one is, else 0.

        Example:
            >>> from hf_selfdemo.core.types import Question
            >>> both = Outcome(Evidence(Question("1", "Who?")), -0.5, cheap_right=True, expensive_right=True)
            >>> both.reward("right"), both.reward("gain")
            (1.0, 0.0)
        """
        if kind == "gain":
            return float(self.expensive_right) - float(self.cheap_right)
        return 1.0 if self.expensive_right else -1.0


def outcomes(
    rows: Sequence[Evidence], cheap: Sequence[Prediction], expensive: Sequence[Prediction]
) -> tuple[list[Outcome], int]:
    """Pair the labelled answers of both ways. Only the label "correct" counts as right; an abstention does not.

    Args:
        rows: the questions with their passages. A counterfactual twin has the cheap answer of its original row, because
            both have the same closed-book prompt.
        cheap: closed-book predictions.
        expensive: predictions with passages.

    Returns:
        The outcomes, and the number of rows left out because an answer is missing or unscored.
    """
    own, full = ({one.id: one for one in said if one.label != "unscored"} for said in (cheap, expensive))
    pairs = [(row, own.get(question_of(row.id)), full.get(row.id)) for row in rows]
    found = [
        Outcome(row, dict(one.signals).get("logprob"), one.label == "correct", other.label == "correct")
        for row, one, other in pairs
        if one and other
    ]
    return found, len(pairs) - len(found)


@dataclass(frozen=True)
class Gate:
    """The value of asking the expensive way, by state. A state is a bin of each score and the question's type.

    Args:
        confidence: edges between the bins of the cheap answer's mean log-probability, ascending.
        score: edges between the bins of the retriever's best score, ascending.
        types: first words that are question types; any other question has the type "other".
        values: the expected reward of asking (the paper's Q), by state.
        seen: number of fit questions by state.

    Example:
        >>> from hf_selfdemo.core.types import Passage, Question
        >>> gate = Gate((-0.5,), (3.0,), ("who",), {"confidence 2/2, score 1/2, who": -0.4}, {})
        >>> row = Evidence(Question("1", "Who found it?"), (Passage("p", "Winkler did.", score=2.5),))
        >>> gate.state(row, -0.1), gate.asks(gate.state(row, -0.1)), gate.asks(gate.state(row, -0.9))
        ('confidence 2/2, score 1/2, who', False, True)
    """

    confidence: tuple[float, ...]
    score: tuple[float, ...]
    types: tuple[str, ...]
    values: Mapping[str, float]
    seen: Mapping[str, int]

    def state(self, row: Evidence, confidence: float | None) -> str:
        """The state of a question.

        Args:
            row: the question with its passages.
            confidence: mean log-probability of the cheap answer; None if unknown.
        """
        word = _first_word(row)
        bins = _bin("confidence", confidence, self.confidence), _bin("score", row.best_score, self.score)
        return ", ".join((*bins, word if word in self.types else "other"))

    def asks(self, state: str) -> bool:
        """Whether asking is worth more than skipping. In a state without fit questions it always asks."""
        return state not in self.values or self.values[state] > 0

    def record(self) -> GateRecord:
        """The gate as JSON data for `read`."""
        return {
            "confidence": list(self.confidence),
            "score": list(self.score),
            "types": list(self.types),
            "values": dict(self.values),
            "seen": dict(self.seen),
        }

    @classmethod
    def read(cls, record: GateRecord) -> Gate:
        """The gate of a record."""
        edges = tuple(record["confidence"]), tuple(record["score"])
        return cls(*edges, tuple(record["types"]), record["values"], record["seen"])


def fit_gate(
    found: Sequence[Outcome], reward: Reward = "right", bins: int = 2, passes: int = 10, seed: int = 0
) -> Gate:
    """Fit edges and types, then values by the paper's bandit update from 0: Q <- Q + 0.1 (reward - Q).

    Args:
        found: outcomes of the fit questions, in any order.
        reward: the kind of reward; see `Outcome.reward`.
        bins: number of bins of each score, split at quantiles.
        passes: number of passes over the outcomes, each in a random order.
        seed: seed of these orders.

    Raises:
        UserError: if there are too few questions, a confidence is missing, or all rewards are equal.
    """
    if len(found) < FEWEST:
        raise UserError(
            f"a gate needs {FEWEST} questions with two scored answers, but there are only {len(found)}", _MORE
        )
    confidences = [one.confidence for one in found if one.confidence is not None]
    if missing := len(found) - len(confidences):
        what = f"{missing} of {len(found)} closed-book answers have no log-probability, which servers do not return"
        raise UserError(what, "evaluate the dev questions with a model in this process")
    if len(rewards := {one.reward(reward) for one in found}) == 1:
        what = f"the reward of asking is {rewards.pop():g} for all {len(found)} questions, so a gate cannot learn"
        raise UserError(what, f"{_MORE}, or use one of the two ways of answering alone")
    words = Counter(_first_word(one.row) for one in found)
    types = sorted(word for word, count in words.items() if word and count >= _TYPE_SHARE * len(found))
    scores = [one.row.best_score for one in found if one.row.best_score is not None]
    gate = Gate(_edges(confidences, bins), _edges(scores, bins), tuple(types), {}, {})
    steps = sorted((one.row.id, gate.state(one.row, one.confidence), one.reward(reward)) for one in found)
    values = dict.fromkeys(sorted({state for _, state, _ in steps}), 0.0)
    for number in range(passes):
        random.Random(stable_seed(seed, f"gate/{number}")).shuffle(steps)
        for _, state, got in steps:
            values[state] += ALPHA * (got - values[state])
    return replace(gate, values=values, seen=Counter(state for _, state, _ in steps))


def _first_word(row: Evidence) -> str:
    found = re.search(r"\w+", row.question.text.lower())
    return found[0] if found else ""


def _edges(values: Sequence[float], bins: int) -> tuple[float, ...]:
    """Edges between bins with about equally many values; equal edges are merged."""
    return tuple(sorted(set(quantiles(values, n=bins)))) if len(values) > 1 else ()


def _bin(name: str, value: float | None, edges: Sequence[float]) -> str:
    return f"no {name}" if value is None else f"{name} {bisect_right(edges, value) + 1}/{len(edges) + 1}"


def write_gate(folder: Path, gate: Gate, settings: Mapping[str, Any], about: Mapping[str, Any]) -> Path:
    """Save a gate in a run's folder, replacing an earlier one.

    Args:
        folder: folder of the run.
        gate: the gate.
        settings: everything that decides outcomes and fit: model, ways of answering, retrieval, the method's options.
        about: further entries of the file.
    """
    write_checked_json(path := folder / GATE_FILE, {**about, "settings": settings, "gate": gate.record()})
    return path


def recorded_gate(folder: Path, settings: Mapping[str, Any]) -> Gate:
    """The gate saved in a run's folder.

    Args:
        folder: folder of the run.
        settings: the current settings, as for `write_gate`.

    Raises:
        UserError: if there is no gate, the file is damaged or from another version, or the settings differ.

    Example:
        >>> import tempfile
        >>> folder, gate = Path(tempfile.mkdtemp()), Gate((), (), (), {"confidence 1/1, no score, other": -0.1}, {})
        >>> _ = write_gate(folder, gate, {"base": "tiny"}, {})
        >>> recorded_gate(folder, {"base": "tiny"}) == gate
        True
    """
    path = folder / GATE_FILE
    if not path.exists():
        raise UserError(f"{folder} has no gate", _REFIT)
    found = read_json(path, GateFile)
    if keys := differing(found["settings"], settings, {}):
        raise UserError(f"{path} was fitted with other settings: {', '.join(keys)}", f"restore them, or {_REFIT}")
    with explained(f"{path} does not contain a gate", _REFIT):
        return Gate.read(found["gate"])
