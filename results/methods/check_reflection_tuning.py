"""Reflection-Tuning: how many reflections can be parsed, how many the student accepts, and what training on them does.

python results/methods/check_reflection_tuning.py

The method selects reflections by likelihoods under the trained model. The control accepts all that can be parsed. Both
train on the same questions with the same budget of tokens. IFD is the perplexity of the answer given question and
passages, divided by that of the answer alone. Reversed IFD is the perplexity of the question given the answer, divided
by that of the question alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from method_check import (
    BASE,
    Arm,
    Check,
    Figure,
    Table,
    arguments,
    as_program,
    by_context,
    heard,
    open_qa,
    rate,
    replies,
    statistic,
)

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.manifest import read_json_lines
from hf_selfdemo.core.types import Dialogue, Evidence, Prediction, Reply, Request
from hf_selfdemo.methods.reflection_tuning import easier, harder
from hf_selfdemo.recipe.evidence import recipe_evidence

CONTROL, METHOD = "all_accepted", "selected"
PARTS = {"question": "ifd", "answer": "reversed_ifd"}
"""Parts that are rewritten, and the measure by which each is accepted."""


@dataclass(frozen=True)
class Reflection:
    """One reflection: the rewritten part, and its measure before and after; NaN if no new text could be parsed."""

    part: str
    before: float = math.nan
    after: float = math.nan

    @property
    def readable(self) -> bool:
        return not math.isnan(self.after)

    @property
    def accepted(self) -> bool:
        return (harder if self.part == "question" else easier)(self.before, self.after)


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(
        __doc__,
        argv,
        questions=(70, "training questions to reflect on"),
        tested=(60, "test questions, each of which may have a leave-gold-out twin"),
    )
    check, data = Check("reflection_tuning", given), open_qa(given)
    shared = (
        *(*data, "--max_train_questions", str(given.questions), "--max_test_questions", str(given.tested)),
        *("--test_twins", "-1", "--max_reflection_tokens", "160", "--train_tokens", "40000"),
    )
    arms = [
        Arm(name, "methods/reflection_tuning", (*shared, "--select_by_student", select))
        for name, select in ((CONTROL, "false"), (METHOD, "true"))
    ]
    for arm in arms:
        check.run(arm, "demonstrate", "train")
    found = list(_reflections(check, arms[1]))
    tested = list(recipe_evidence(check.recipe(arms[0]), "test")[0])
    said = {BASE: replies(check.engine(arms[0], trained=False), tested)}
    said |= {arm.name: replies(check.engine(arm), tested) for arm in arms}
    written = {
        arm.name: list(read_json_lines(check.folder / arm.name / "demonstrations/candidates.jsonl")) for arm in arms
    }
    check.record(arms, figures(found, written, said))


def _reflections(check: Check, arm: Arm) -> Iterator[Reflection]:
    """The reflections of an arm, from repeating its dialogues; all calls come from the ledger."""
    recipe, engine = check.recipe(arm), check.engine(arm, trained=False)
    strategy = recipe.method.strategy(recipe.demonstrate.demonstrate_seed)

    def listened(row: Evidence) -> Dialogue[list[tuple[Request, Reply]]]:
        said: list[tuple[Request, Reply]] = []
        yield from heard(strategy.write(row), said)
        return said

    rows = recipe_evidence(recipe, "train")[0]
    for said in converse(map(listened, rows), engine.generator, recipe.engine.window):
        yield from reflections(said)


def reflections(said: Iterable[tuple[Request, Reply]]) -> list[Reflection]:
    """The reflections on one row, from its requests and replies."""
    scores: dict[str, list[float]] = defaultdict(list)
    parts = []
    for request, reply in said:
        name = request.id.rpartition("/")[0].rpartition("/")[2]
        if request.scored:
            scores[name].append(reply.scores[0])
        else:
            parts.append(request.id.rpartition("/")[2])
    return [Reflection(part, *_ratios(scores.get(PARTS[part], ()))) for part in parts]


def _ratios(scores: Sequence[float]) -> list[float]:
    """The measure of the old and the new pair, from mean log-probabilities of a text: alone, then given each pair."""
    return [math.exp(scores[0] - one) for one in scores[1:]]


def figures(
    found: Sequence[Reflection],
    written: Mapping[str, Sequence[Mapping[str, Any]]],
    said: Mapping[str, Sequence[Prediction]],
) -> dict[str, Table]:
    """All tables.

    Args:
        found: the reflections with the student's measures.
        written: the rows of `candidates.jsonl`, by arm.
        said: replies to test questions and their twins, by model.
    """
    return {
        "Reflections": {part: _accepted([one for one in found if one.part == part]) for part in PARTS},
        "Measures": _distributions(found),
        "Rows": {name: _rows(rows) for name, rows in written.items()},
        "Test questions": {name: by_context(predictions) for name, predictions in said.items()},
    }


def _accepted(found: Sequence[Reflection]) -> dict[str, Figure]:
    readable = [one for one in found if one.readable]
    return {
        "readable": rate(one.readable for one in found),
        "accepted, of readable": rate(one.accepted for one in readable),
        "readable and below 1": rate(one.after < 1 for one in readable),
    }


def _distributions(found: Sequence[Reflection]) -> Table:
    rows: Table = {}
    for part, name in PARTS.items():
        readable = [one for one in found if one.part == part and one.readable]
        accepted = [one for one in readable if one.accepted]
        label = name.replace("_ifd", " IFD").replace("ifd", "IFD")
        rows[f"{label}, before"] = _spread([one.before for one in readable])
        rows[f"{label}, all rewritten"] = _spread([one.after for one in readable])
        rows[f"{label}, accepted, before"] = _spread([one.before for one in accepted])
        rows[f"{label}, accepted"] = _spread([one.after for one in accepted])
    return rows


def _spread(values: Sequence[float]) -> dict[str, Figure]:
    quarters = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [None] * 3
    return {
        "lower quartile": {"value": quarters[0], "interval": None, "total": len(values)},
        "median": statistic(median, values),
        "upper quartile": {"value": quarters[2], "interval": None, "total": len(values)},
    }


def _rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    """Shares of the rows with candidates; the share of correct replies is that among rewritten rows."""
    candidates = [row["candidates"] for row in rows if row["candidates"]]
    new = [found[1] if len(found) > 1 else None for found in candidates]
    kinds = [one["prompt"].rpartition("/")[2] if one else "" for one in new]
    return {
        "rewritten": rate(bool(kind) for kind in kinds),
        "new question": rate(kind in ("question", "both") for kind in kinds),
        "new answer": rate(kind in ("answer", "both") for kind in kinds),
        "right, of rewritten": rate(one["label"] == "correct" for one in new if one),
    }


if __name__ == "__main__":
    as_program(main)
