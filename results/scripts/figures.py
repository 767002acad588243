"""The figures of the rows of the tables: by seed, and on bootstrap draws of the questions.

Figures on a set are those of `scoring.abstention`. Intervals are 95% intervals of a paired bootstrap: questions are
drawn with replacement, the same for all rows of the tables. Within a draw, a row's figure is the mean over its seeds.
So an interval shows the variation over questions, and the range over the seeds shows the variation over trainings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from points import replies_at_point
from records import Record, Study

from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.evaluated import AT_POINT
from hf_selfdemo.evaluation.report.resampling import RESAMPLES, SCORED, Array, percentiles, rates, resampled
from hf_selfdemo.scoring.abstention import always_abstaining

ABSTAIN_VALUE = 0.25
"""Score of an abstention in `lambda_score`; with 0 this would be accuracy."""

BASE_MODES = {"base": "plain", "base_may_decline": "rag"}
"""Rows of the base model, and the mode in which each was asked."""

DISCERNMENT = "discernment"
"""Abstention recall minus false refusals (Youden's index, 1950): 0 for a model that abstains regardless of the
passages, and 1 for a model that abstains exactly where they do not contain the answer."""

_RESAMPLE_SEED = 0

Replies = Sequence[Prediction]


@dataclass(frozen=True)
class System:
    """A row of the tables on one set: its replies with passages and without, one list per seed.

    `shown` and `closed_book` are replies to the rows as retrieved; `all_rows` are replies with passages to these rows
    and to their leave-gold-out twins.
    """

    name: str
    label: str
    shown: Sequence[Replies]
    closed_book: Sequence[Replies] = ()
    all_rows: Sequence[Replies] = ()
    records: Sequence[Record] = ()

    def values(self, figure: str) -> list[float]:
        """A figure of `abstention_figures`, or `DISCERNMENT`, by seed; seeds where it is undefined are left out."""
        counts = [_kinds(replies).sum(axis=0, dtype=np.float64) for replies in self.shown]
        found = (float(_figures(count[None])[figure][0]) for count in counts)
        return [value for value in found if not np.isnan(value)]


def systems(study: Study, which: str, labels: Mapping[str, str]) -> dict[str, System]:
    """The rows that were evaluated on a set, in the order of `labels`, and the model that always abstains.

    Args:
        study: the records.
        which: the set.
        labels: names and labels of the rows.
    """
    made = (one for name, label in labels.items() for one in _as_asked(study, which, name, label))
    there = {one.name: one for one in made if one.shown}
    if not there:
        return {}
    most = max(there.values(), key=lambda made: len(made.all_rows[0]))  # not every mode asks the twins
    trivial = System("always_abstain", "always abstain", _abstaining(most.shown), (), _abstaining(most.all_rows))
    return there | {trivial.name: trivial}


def _as_asked(study: Study, which: str, name: str, label: str) -> Iterator[System]:
    """A row of the tables, then the same models at their operating points."""
    yield system(study, which, name, label)
    yield system_at_point(study, which, name, label)


def system(study: Study, which: str, name: str, label: str) -> System:
    """One row of the tables on one set; it has no replies if it has no run."""
    mode, runs = _asked(study, which, name)
    runs = [run for run in runs if study.replies(run, which, mode)]
    shown = [study.replies(run, which, mode) for run in runs]
    closed_book = [replies for run in runs if (replies := study.replies(run, which, "closed_book"))]
    return System(name, label, shown, closed_book, [study.replies(run, which, mode, twins=True) for run in runs], runs)


def system_at_point(study: Study, which: str, name: str, label: str) -> System:
    """The models of a row at their operating points; it has no replies if they have no points."""
    mode, runs = _asked(study, which, name)
    there = [(run, replies) for run in runs if (replies := replies_at_point(study, run, which, mode))]
    runs, shown = [run for run, _ in there], [replies for _, replies in there]
    all_rows = [replies_at_point(study, run, which, mode, twins=True) for run in runs]
    return System(name + AT_POINT, f"{label}, at its point", shown, (), all_rows, runs)


def _asked(study: Study, which: str, name: str) -> tuple[str, list[Record]]:
    """The mode and the runs of a row."""
    return BASE_MODES.get(name, "rag"), study.runs("base" if name in BASE_MODES else name, which)


@dataclass(frozen=True)
class Difference:
    """The difference of a figure from that of another row, with its 95% interval; None if it is undefined."""

    value: float | None
    interval: tuple[float, float] | None

    @property
    def clear(self) -> bool:
        """Whether the interval, rounded to two digits as in the tables, excludes 0."""
        return self.interval is not None and not round(self.interval[0], 2) <= 0 <= round(self.interval[1], 2)


def difference(drawn: Array, other: Array) -> Difference:
    """The difference of two figures on the same draws, as `Draws` returns them: the observed value, then the draws."""
    values = drawn - other
    return Difference(None if np.isnan(values[0]) else float(values[0]), percentiles(values[1:]))


class Draws:
    """Computes figures on the rows and on bootstrap draws of them; the draws are the same for every system.

    Args:
        ids: ids of the rows to draw from.
        resamples: number of draws.
    """

    def __init__(self, ids: Sequence[str], resamples: int = RESAMPLES) -> None:
        self.place = {name: i for i, name in enumerate(ids)}
        each = np.ones(len(ids), dtype=np.int64)
        self.times = np.vstack([each, resampled(each, _RESAMPLE_SEED, resamples)]).astype(np.float32)

    def figures(self, seeds: Sequence[Replies]) -> dict[str, Array]:
        """The mean over the seeds of every figure, shape (1 + resamples,), by name."""
        by_seed = [_figures(self.count(_kinds(replies), replies)) for replies in seeds]
        return {name: np.mean([found[name] for found in by_seed], axis=0) for name in by_seed[0]}

    def share(self, hits: Sequence[bool], counted: Sequence[bool], replies: Replies) -> Array:
        """The share of hits among the counted replies, shape (1 + resamples,); NaN if none is counted."""
        kinds = np.array([[hit and one, one] for hit, one in zip(hits, counted, strict=True)], dtype=np.float32)
        hit, total = self.count(kinds, replies).T
        with np.errstate(invalid="ignore"):
            return np.asarray(hit / total)

    def count(self, kinds: Array, replies: Replies) -> Array:
        """How often each kind was drawn, shape (1 + resamples, kinds); `kinds` has shape (replies, kinds)."""
        counts = self.times[:, [self.place[p.id] for p in replies]] @ kinds
        return counts.astype(np.float64)  # whole numbers, which float32 represents exactly


def _kinds(replies: Replies) -> Array:
    """One-hot kinds of the replies, shape (replies, 6), ordered as in `rates`; unscored replies are all 0."""
    kinds = np.zeros((len(replies), 2 * len(SCORED)), dtype=np.float32)
    for i, p in enumerate(replies):
        if p.label != "unscored":
            kinds[i, int(p.answer_in_context) * len(SCORED) + SCORED.index(p.label)] = 1
    return kinds


def _figures(counts: Array) -> dict[str, Array]:
    """The figures of `rates`, three more of `abstention_figures`, and `DISCERNMENT`, by name."""
    outcomes = counts.reshape(-1, 2, len(SCORED))
    found = rates(outcomes)
    declined, correct = (outcomes[..., SCORED.index(label)] for label in ("abstain", "correct"))
    with np.errstate(invalid="ignore"):
        found["abstention_precision"] = declined[:, 0] / declined.sum(1)
        found["abstention_f1"] = 2 * declined[:, 0] / (declined.sum(1) + outcomes[:, 0].sum(1))
        found["lambda_score"] = (correct.sum(1) + ABSTAIN_VALUE * declined.sum(1)) / outcomes.sum((1, 2))
    found[DISCERNMENT] = found["abstention_recall"] - found["false_refusals"]
    return found


def _abstaining(seeds: Sequence[Replies]) -> list[Replies]:
    return [always_abstaining(replies) for replies in seeds[:1]]
