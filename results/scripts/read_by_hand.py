"""How far the answer-in-context flag is true: rows drawn by seed and read one by one, and what follows from them.

    python results/scripts/read_by_hand.py results/study_1_5b
    python results/scripts/read_by_hand.py results/study_1_5b --show recipes/study_1_5b/self_demo.yaml

`reading.json` holds for every row that was read its id, whether the passages give a reader the answer, whether that was
a close call, and a reason where it is not what the flag says. With `--show` the rows are drawn again and printed to be
read: questions and passages are third-party and stand nowhere in this repository. Only retrieval is needed, no model.

A model is measured by the flag: recall over rows whose flag says that no passage holds the answer, false refusals over
the others. If it declines a share r of rows that truly lack the answer and f of those that hold it, whatever their
flag, then the measured

    recall         = (1 - e0) r + e0 f        e0: of rows without the flag, the share that does hold the answer
    false refusals = e1 r + (1 - e1) f        e1: of rows with the flag, the share that does not
    J              = (1 - e0 - e1) (r - f)    recall minus false refusals

A model that never errs (r 1, f 0) is measured at 1 - e0 - e1, which is the ceiling of J, and every other model's true J
is greater than the measured one by that factor.
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
"""Rows read of each stratum: the flag says that a passage holds the answer, it says not, leave-gold-out twins."""

Interval = tuple[float, float]


def stratum(row: Evidence) -> str:
    """Which of `SIZES` a row is drawn for."""
    return "twin" if row.gold_removed else "flag" if row.answer_in_context else "no flag"


def drawn(rows: Sequence[Evidence], sizes: Mapping[str, int] = SIZES, seed: int = SEED) -> list[Evidence]:
    """The rows to read, stratum by stratum: the same rows give the same draw, in whatever order they come."""
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
    """What follows from the rows that were read.

    `errors` are by stratum the share of rows whose flag is wrong. The others are about the natural rows, weighted by
    how many of them have the flag, with 95% intervals. `false_positives` is of those that lack the answer the share
    that has the flag, `false_negatives` of those that hold it the share that has none, `agreement` that of flag and
    reader. `ceiling` is the greatest J that can be measured.
    """

    errors: Mapping[str, Rate]
    false_positives: Estimate
    false_negatives: Estimate
    agreement: Estimate
    ceiling: Estimate


def figures_of(read: Sequence[Mapping[str, Any]], there: Mapping[str, int]) -> Figures:
    """What the rows that were read say of all rows.

    Args:
        read: `stratum` and `holds` of each.
        there: how many rows each stratum has.

    Raises:
        UserError: if a stratum was not read.
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
        raise UserError(f"no row of the stratum {name!r} was read", "read some: --show prints them")
    return Rate(sum(row["holds"] != (name == "flag") for row in read), len(read))


def _share(rate: Rate) -> float:
    return rate.hits / rate.total


def _estimate(figure: Callable[[float, float], float], first: Rate, second: Rate) -> Estimate:
    """A figure of two shares, with an interval made of their Wilson intervals (the square-and-add of Newcombe 1998)."""
    p, q = _share(first), _share(second)
    value = figure(p, q)
    ends = [[figure(end, q) for end in _wilson(first)], [figure(p, end) for end in _wilson(second)]]
    below, above = (math.hypot(*(value - far(pair) for pair in ends)) for far in (min, max))
    return Estimate(value, value - below, value + above)


def _wilson(rate: Rate) -> Interval:
    return rate.interval or (0.0, 1.0)


def told(figures: Figures, close: tuple[float, float]) -> str:
    """The figures in lines.

    Args:
        figures: of the rows as they were read.
        close: the ceiling if every close call had gone with the flag, and against it.
    """
    lines = [f"{name}: flag wrong in {_rate(rate)} of {rate.total}" for name, rate in figures.errors.items()]
    return "\n".join(
        [
            *lines,
            f"of rows that lack the answer, flagged all the same: {figures.false_positives}",
            f"of rows that hold it, not flagged: {figures.false_negatives}",
            f"flag and reader agree: {figures.agreement}",
            f"greatest J that can be measured: {figures.ceiling}",
            f"the same if every close call went with the flag, or against it: {close[0]:.3f}, {close[1]:.3f}",
        ]
    )


def _rate(rate: Rate) -> str:
    return str(Estimate(_share(rate), *_wilson(rate)))


def close_calls(read: Sequence[Mapping[str, Any]], there: Mapping[str, int]) -> tuple[float, float]:
    """The ceiling if every close call had gone with the flag, and if it had gone against it."""
    ceilings = []
    for with_flag in (True, False):
        changed = [
            {**row, "holds": (row["stratum"] == "flag") == with_flag} if row.get("close") else row for row in read
        ]
        ceilings.append(figures_of(changed, there).ceiling.value)
    return ceilings[0], ceilings[1]


def show(recipe: str) -> str:
    """The drawn rows of a recipe's test part, to be read."""
    from hf_selfdemo.recipe.evidence import recipe_evidence
    from hf_selfdemo.verbs.cli import parse

    rows, _ = recipe_evidence(parse(["--config", recipe]), "test")
    return "\n".join(_shown(row) for row in drawn(list(rows)))


def _shown(row: Evidence) -> str:
    answers = " | ".join(row.question.answers) or "(none accepted)"
    passages = "".join(f"  [{passage.title}] {passage.text}\n" for passage in row.passages)
    return f"{stratum(row)}: {row.id}\n  {row.question.text}\n  {answers}\n{passages}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Say how far the answer-in-context flag is true.")
    parser.add_argument("study", type=Path, help="the study's folder, e.g. results/study_1_5b")
    parser.add_argument("--show", metavar="RECIPE", help="print the rows of its test part that are to be read")
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
