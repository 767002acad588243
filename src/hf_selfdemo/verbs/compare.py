"""`hf-selfdemo evaluate --compare ...`: compare finished evaluations, and write a report to `output_dir/comparisons`.

A column of this run is given by its name. A column of another run is given as name=folder, which means the column of
that name or, if there is none, the only trained model there. name=folder:column chooses another column. Questions and
judge must be the same, and other differences are printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hf_selfdemo.core.claim import claim_folder, differing
from hf_selfdemo.core.console import say, show, table_width
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import defaults
from hf_selfdemo.core.types import Evidence, Prediction
from hf_selfdemo.evaluation.evaluated import PLAIN, Evaluation, folder_for
from hf_selfdemo.evaluation.report import Column, Comparison, terminal_table, write_figures, write_page
from hf_selfdemo.recipe.config import JudgeArguments
from hf_selfdemo.recipe.recipe import Recipe

_ASKED = ("templates", "max_answer_tokens")
"""Settings of how columns were asked. They may differ, because a comparison is often about them."""


@dataclass(frozen=True)
class _Place:
    """A column, its evaluation, and its name in the comparison."""

    name: str
    evaluation: Evaluation
    column: str

    @property
    def judge(self) -> dict[str, Any]:
        found: dict[str, Any] = self.evaluation.manifest["judges"][self.column]
        return found

    @property
    def answerer(self) -> str:
        """The identity of its answerer."""
        return str(self.evaluation.manifest.get("answerers", {}).get(self.column) or "prompt")


def run_compare(recipe: Recipe) -> None:
    """Compare the columns in `compare` with the first of them, and write the report into the run's folder."""
    compare_columns(recipe.evaluate.compare, recipe.evaluate.evaluate_on, recipe.output_dir)


def compare_columns(columns: Sequence[str], part: str, run: Path) -> None:
    """Compare columns of evaluations with the first of them; print the table and write the report.

    Args:
        columns: the columns, written as for the option `compare`.
        part: the part of the data of the evaluations, "test" or "dev".
        run: the folder of the run that has the columns without a folder, and into which the report is written.

    Raises:
        UserError: if a column does not exist, or the questions or the judges differ.
    """
    places = _places(columns, part, run)
    differences = {}
    for place in places[1:]:
        _refuse_differences(places[0], place)
        if found := _told_differences(places[0], place):
            differences[place.name] = found
    comparison = _comparison(places, differences)
    where = folder_for(part).replace("evaluation", "comparisons")
    folder = run / where / "-".join(place.name for place in places)
    compared = {p.name: f"{p.evaluation.folder}:{p.column}" for p in places}
    claim_folder(folder, compared, "rename the columns, as name=folder")
    show(terminal_table(comparison.runs, comparison.title, comparison.asking), table_width(len(places)))
    for name, found in differences.items():
        say(f"{places[0].name} and {name} differ in {'; '.join(found)}")
    page = write_page(folder, write_figures(folder, comparison), comparison)
    say(f"report: {page}")


def _settings(evaluation: Evaluation) -> dict[str, Any]:
    [found] = evaluation.told("settings")
    if lacking := [key for key in (*_ASKED, "evidence") if key not in found]:
        raise UserError(
            f"the manifest in {evaluation.folder} lacks {lacking[0]}", "evaluate again with the same options"
        )
    settings: dict[str, Any] = found
    return settings


def _places(columns: Sequence[str], part: str, run: Path) -> list[_Place]:
    inner = folder_for(part)
    known: dict[Path, Evaluation] = {}
    places = []
    for text in columns:
        name, equals, where = text.partition("=")
        if not re.fullmatch(r"[^/\\:]+", name):
            raise UserError(f"compare: {text!r} is not a column", "write the name of a column, or e.g. sft=runs/sft")
        folder, _, column = where.partition(":")
        path = _evaluation_folder(Path(folder) if equals else run, inner)
        evaluation = known.setdefault(path, Evaluation(path))
        places.append(_Place(name, evaluation, column or _column(name, evaluation, bool(equals))))
    names = [place.name for place in places]
    if len(names) < 2:
        raise UserError(f"compare: {names[0]} is the only column", "name another column to compare it with")
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"compare: two columns are named {twice[0]!r}", "rename one, as name=folder")
    return places


def _evaluation_folder(folder: Path, name: str) -> Path:
    """The folder of a run's evaluation, or the folder itself if it is an evaluation."""
    inner = folder / name
    return inner if inner.exists() or not (folder / "predictions").exists() else folder


def _column(name: str, evaluation: Evaluation, elsewhere: bool) -> str:
    """The column that is meant by a name without a column."""
    trained = [column for column in evaluation.columns if column not in ("base", PLAIN)]
    if name in evaluation.columns or not elsewhere:
        return name  # if it does not exist, reading it raises
    if len(trained) == 1:
        return trained[0]
    raise UserError(
        f"compare: {evaluation.folder} has no column {name!r}, only {', '.join(evaluation.columns)}",
        f"choose one, e.g. {name}={evaluation.folder}:{evaluation.columns[-1]}",
    )


def _refuse_differences(one: _Place, other: _Place) -> None:
    """Reject columns with different questions or judges."""
    for place in (one, other):
        if place.column not in place.evaluation.columns:
            place.evaluation.column(place.column)  # raises, because it does not exist
    found = list(_other_questions(one.evaluation, other.evaluation))
    found += [
        f"judge's {key} ({one.judge.get(key)} and {other.judge.get(key)})"
        for key in differing(one.judge, other.judge, defaults(JudgeArguments))
    ]
    if found:
        raise UserError(
            f"{one.name} and {other.name} cannot be compared, because they differ in {'; '.join(found)}",
            "evaluate them with the same options; cached replies are not generated again",
        )


def _told_differences(one: _Place, other: _Place) -> list[str]:
    """What differs besides the models: how they were asked, and which passages they were shown."""
    settings, others = _settings(one.evaluation), _settings(other.evaluation)
    found = [f"{key} ({settings[key]} and {others[key]})" for key in _ASKED if settings[key] != others[key]]
    if not _same_answerer(one.answerer, other.answerer):
        found.append(f"answerers ({one.answerer} and {other.answerer})")
    return [
        *found,
        *_other_retrieval(one.evaluation, other.evaluation),
        *_other_passages(one.evaluation, other.evaluation),
    ]


def _same_answerer(one: str, other: str) -> bool:
    """Whether two columns were asked alike. Earlier versions recorded only the kind of answerer."""
    known = "/" in one and "/" in other
    return one == other if known else one.partition("/")[0] == other.partition("/")[0]


def _other_questions(one: Evaluation, other: Evaluation) -> Iterator[str]:
    rows, others = one.evidence, other.evidence
    missing = [row for row in {**rows, **others} if row not in rows or row not in others]
    reworded = [row for row in rows if row in others and _asked(rows[row]) != _asked(others[row])]
    if which := [*missing, *reworded]:
        yield f"questions ({len(which)} of {len({**rows, **others})}, the first is {which[0]!r})"


def _other_retrieval(one: Evaluation, other: Evaluation) -> Iterator[str]:
    """Differences in retrieval, which earlier versions did not record."""
    told, others = (evaluation.manifest.get("retrieval", {}) for evaluation in (one, other))
    for key in differing(told, others, {}) if told and others else ():
        yield f"{key} ({told.get(key, 'none')} and {others.get(key, 'none')})"


def _other_passages(one: Evaluation, other: Evaluation) -> Iterator[str]:
    rows, others = one.evidence, other.evidence
    shown = [row for row in rows if row in others and _shown(rows[row]) != _shown(others[row])]
    if shown:
        yield f"passages (of {len(shown)} questions, the first is {shown[0]!r})"


def _asked(row: Evidence) -> tuple[Any, ...]:
    return row.question.text, row.question.answers, row.question.answerable


def _shown(row: Evidence) -> tuple[Any, ...]:
    return tuple((passage.title, passage.text) for passage in row.passages), row.answer_in_context


def _comparison(places: Sequence[_Place], differences: Mapping[str, list[str]]) -> Comparison:
    order = {row: i for i, row in enumerate(places[0].evaluation.evidence)}
    columns = [_in_order(place, order) for place in places]
    evaluations = {str(place.evaluation.folder): place.evaluation for place in places}
    settings = _settings(places[0].evaluation)
    told = {folder: evaluation.told("data", "versions", "base_model") for folder, evaluation in evaluations.items()}
    bases = {base: None for _, _, base in told.values()}
    provenance = {
        "settings": {key: settings[key] for key in _ASKED},
        **({"differences": differences} if differences else {}),
        "judge": places[0].judge,
        "columns": {p.name: f"{p.evaluation.folder}:{p.column}" for p in places},
        "data": {folder: data for folder, (data, _, _) in told.items()},
        "versions": {folder: versions for folder, (_, versions, _) in told.items()},
    }
    title = f"{', '.join(bases)}: {len(order)} test rows"
    comparison = Comparison(title, columns, places[0].evaluation.evidence, provenance)
    if not comparison.modes:
        names = ", ".join(place.name for place in places)
        raise UserError(f"compare: {names} have no mode in common", "evaluate them with the same evaluate_modes")
    return comparison


def _in_order(place: _Place, order: dict[str, int]) -> Column:
    """The column under its name in the comparison, with its rows in the order of the first column."""
    column = place.evaluation.column(place.column)

    def sorted_rows(predictions: Sequence[Prediction]) -> list[Prediction]:
        return sorted(predictions, key=lambda p: order[p.id])

    rows = {mode: sorted_rows(predictions) for mode, predictions in column.predictions.items()}
    return replace(column, name=place.name, predictions=rows)
