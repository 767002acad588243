"""How well each signal separates correct attempts from incorrect ones, and rows with the answer from others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from cells import markdown, mean_cell
from curves import confidences
from figures import BASE_MODES, Replies, System
from points import dev_replies
from records import Study
from sklearn.metrics import roc_auc_score

from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.evaluated import AT_POINT
from hf_selfdemo.scoring.confidence import attempt

_AGAINST = frozenset({"refusal", "verdict", "unsure"})
"""Signals whose high values speak against an answer."""

MIX = "mix"

QUESTIONS: dict[str, Callable[[Prediction], bool]] = {
    "Is the attempt correct?": lambda said: said.label == "correct",
    "Do the passages contain the answer?": lambda said: said.answer_in_context,
}

_ABOUT = """Areas under the ROC curve, one column per signal; .5 is chance. They are computed over attempts, i.e.
replies and withheld answers. *Mix* is the confidence from all signals, fitted on dev rows."""


def signal_tables(study: Study, found: Mapping[str, System]) -> Iterator[str]:
    """For each of the `QUESTIONS` a table of areas by signal, means over the seeds, for every row with signals.

    Args:
        study: the records.
        found: the rows of the tables on a set, by name.
    """
    told = {name: _told(study, s) for name, s in found.items() if not name.endswith(AT_POINT)}
    told = {name: seeds for name, seeds in told.items() if seeds and any(seeds)}
    if not told:
        return
    yield f"{_ABOUT}\n"
    names = sorted({signal for seeds in told.values() for seed in seeds for _, signals in seed for signal in signals})
    names = [name for name in names if name != MIX] + [MIX]
    for question, holds in QUESTIONS.items():
        rows = [
            [found[name].label, *(mean_cell([_area(seed, signal, holds) for seed in seeds]) for signal in names)]
            for name, seeds in told.items()
        ]
        yield markdown([question, *(name.replace("_", " ") for name in names)], rows)


Told = Sequence[tuple[Prediction, Mapping[str, float]]]
"""Scored attempts of one model with their signals, including the mix."""


def _told(study: Study, s: System) -> list[Told]:
    mode = BASE_MODES.get(s.name, "rag")
    return [
        _attempts(replies, confidences(replies, dev_replies(study, record, mode)))
        for record, replies in zip(s.records, s.shown, strict=False)
    ]


def _attempts(replies: Replies, sure: Sequence[float | None]) -> Told:
    found = []
    for p, confidence in zip(replies, sure, strict=True):
        said = attempt(p)
        if said and said.signals and said.label != "unscored":
            found.append((said, dict(said.signals) | ({} if confidence is None else {MIX: confidence})))
    return found


def _area(told: Told, signal: str, holds: Callable[[Prediction], bool]) -> float | None:
    """The area of one signal; None if no attempt has the signal or all attempts are of one kind."""
    rows = [(holds(said), signals[signal]) for said, signals in told if signal in signals]
    kinds, values = [kind for kind, _ in rows], [value for _, value in rows]
    if len(set(kinds)) < 2:
        return None
    area = float(roc_auc_score(kinds, values))
    return 1 - area if signal in _AGAINST else area
