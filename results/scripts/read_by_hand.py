"""Estimates how often the answer-in-context flag is correct, from rows that were drawn by seed and read one by one.

    python results/scripts/read_by_hand.py results/study_1_5b
    python results/scripts/read_by_hand.py results/study_1_5b --show recipes/study_1_5b/self_demo.yaml

`reading.json` contains for each row that was read: its id, whether a reader finds the answer in the passages, whether
that was a close call, and a reason if it was or if the reader disagrees with the flag. With `--show` the rows are drawn
again and printed. Questions and passages are third-party data and are not in this repository. This needs retrieval but
no model.

The flag defines the metrics: abstention recall is computed over rows without the flag, false refusals over rows with
it. Suppose a model abstains on a share r of the rows whose passages do not contain the answer, and on a share f of the
rows whose passages do, independently of the flag. Then the measured values are

    recall         = (1 - e0) r + e0 f        e0: share of the rows without the flag that contain the answer
    false refusals = e1 r + (1 - e1) f        e1: share of the rows with the flag that do not contain it
    J              = (1 - e0 - e1) (r - f)    recall minus false refusals

A perfect model (r = 1, f = 0) is measured at 1 - e0 - e1, which is the ceiling of J. The true J of any model is its
measured J divided by the ceiling.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from folders import StudyFolder

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.scoring.outcomes import Rate

SEED = 17
SIZES = {"flag": 50, "no flag": 30, "twin": 20}
"""Number of rows to read per stratum: rows with the flag, rows without it, and leave-gold-out twins."""

Interval = tuple[float, float]


def stratum(row: Evidence) -> str:
    """The stratum of a row, a key of `SIZES`."""
    return "twin" if row.gold_removed else "flag" if row.answer_in_context else "no flag"


def drawn(rows: Sequence[Evidence], sizes: Mapping[str, int] = SIZES, seed: int = SEED) -> list[Evidence]:
    """The rows to read, stratum by stratum. The draw does not depend on the order of `rows`."""
    chosen, draw = [], random.Random(seed)
    for name, size in sizes.items():
        those = sorted((row for row in rows if stratum(row) == name), key=lambda row: row.id)
        chosen += draw.sample(those, size)
    return chosen


class Estimate(NamedTuple):
    """A share and its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Figures:
    """Estimates from the rows that were read.

    `errors` is the share of rows with a wrong flag, by stratum. The others are about the rows as retrieved, weighted by
    the number of rows with and without the flag, with 95% intervals. `false_positives` is the share of rows with the
    flag among those that do not contain the answer, `false_negatives` the share without the flag among those that do.
    `agreement` is the share of rows where flag and reader agree. `ceiling` is the highest measurable J.
    """

    errors: Mapping[str, Rate]
    false_positives: Estimate
    false_negatives: Estimate
    agreement: Estimate
    ceiling: Estimate


def figures_of(read: Sequence[Mapping[str, Any]], there: Mapping[str, int]) -> Figures:
    """Estimates for all rows from the rows that were read.

    Args:
        read: the rows that were read, with `stratum` and `holds` (whether a reader finds the answer).
        there: the number of all rows by stratum.

    Raises:
        UserError: if no row of a stratum was read.
    """
    errors = {name: _errors([row for row in read if row["stratum"] == name], name) for name in SIZES}
    flagged = there["flag"] / (there["flag"] + there["no flag"])

    def lacks(e1: float, e0: float) -> float:
        return flagged * e1 + (1 - flagged) * (1 - e0)

    return Figures(
        errors,
        *(
            _estimate(figure, errors["flag"], errors["no flag"])
            for figure in (
                lambda e1, e0: flagged * e1 / lacks(e1, e0),
                lambda e1, e0: (1 - flagged) * e0 / (1 - lacks(e1, e0)),
                lambda e1, e0: flagged * (1 - e1) + (1 - flagged) * (1 - e0),
                lambda e1, e0: 1 - e0 - e1,
            )
        ),
    )


def _errors(read: Sequence[Mapping[str, Any]], name: str) -> Rate:
    if not read:
        raise UserError(f"no row of the stratum {name!r} was read", "read some rows: --show prints them")
    return Rate(sum(row["holds"] != (name == "flag") for row in read), len(read))


def _share(rate: Rate) -> float:
    return rate.hits / rate.total


def _estimate(figure: Callable[[float, float], float], first: Rate, second: Rate) -> Estimate:
    """A function of two shares, with an interval from their Wilson intervals (square-and-add, Newcombe 1998)."""
    p, q = _share(first), _share(second)
    value = figure(p, q)
    ends = [[figure(end, q) for end in _wilson(first)], [figure(p, end) for end in _wilson(second)]]
    below, above = (math.hypot(*(value - far(pair) for pair in ends)) for far in (min, max))
    return Estimate(value, value - below, value + above)


def _wilson(rate: Rate) -> Interval:
    return rate.interval or (0.0, 1.0)


def told(figures: Figures, close: tuple[float, float]) -> str:
    """The figures as text, one line each.

    Args:
        figures: the figures of the rows that were read.
        close: the ceiling if all close calls agreed with the flag, and if all disagreed.
    """
    lines = [f"{name}: flag wrong in {_rate(rate)} of {rate.total}" for name, rate in figures.errors.items()]
    return "\n".join(
        [
            *lines,
            f"rows without the answer, share with the flag: {figures.false_positives}",
            f"rows with the answer, share without the flag: {figures.false_negatives}",
            f"all rows, share where flag and reader agree: {figures.agreement}",
            f"highest measurable J: {figures.ceiling}",
            f"the same if all close calls agreed with the flag, and if all disagreed: {close[0]:.3f}, {close[1]:.3f}",
        ]
    )


def _rate(rate: Rate) -> str:
    return str(Estimate(_share(rate), *_wilson(rate)))


def close_calls(read: Sequence[Mapping[str, Any]], there: Mapping[str, int]) -> tuple[float, float]:
    """The ceiling if all close calls agreed with the flag, and if all disagreed."""
    ceilings = []
    for with_flag in (True, False):
        changed = [
            {**row, "holds": (row["stratum"] == "flag") == with_flag} if row.get("close") else row for row in read
        ]
        ceilings.append(figures_of(changed, there).ceiling.value)
    return ceilings[0], ceilings[1]


def show(recipe: str) -> str:
    """The drawn rows of a recipe's test set as text for the reader."""
    from hf_selfdemo.recipe.evidence import recipe_evidence
    from hf_selfdemo.verbs.cli import parse

    rows, _ = recipe_evidence(parse(["--config", recipe]), "test")
    return "\n".join(_shown(row) for row in drawn(list(rows)))


def _shown(row: Evidence) -> str:
    answers = " | ".join(row.question.answers) or "(none accepted)"
    passages = "".join(f"  [{passage.title}] {passage.text}\n" for passage in row.passages)
    return f"{stratum(row)}: {row.id}\n  {row.question.text}\n  {answers}\n{passages}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Estimate how often the answer-in-context flag is correct.")
    parser.add_argument("study", type=Path, help="the study's folder, e.g. results/study_1_5b")
    parser.add_argument("--show", metavar="RECIPE", help="print the rows of its test set that are to be read")
    given = parser.parse_args()
    try:
        if given.show:
            print(show(given.show))
            return
        found = read_json(StudyFolder.named(str(given.study)).path / "reading.json")
        read, there = found["read"], found["rows"]
        print(told(figures_of(read, there), close_calls(read, there)))
    except (UserError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
