"""`hf-selfdemo score`: judge a file of predictions, and write a table, a report and the label of every reply.

output_dir/scores/
    table.md, figures.json, report.html    as in an evaluation
    rows.jsonl                             every reply with its label and the judge's reason
"""

from __future__ import annotations

import json
from collections import Counter

from hf_selfdemo.core.console import progress, say, show, table_width
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import write_text
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.remade import remade
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.data.questions import ColumnMap, each_question, missing_columns
from hf_selfdemo.data.questions.sources import read_rows
from hf_selfdemo.evaluation.report import Column, Comparison, terminal_table, write_figures, write_page
from hf_selfdemo.evaluation.scored import Scored, read_replies, rows_shown, score_replies, scored_row
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.recipe.engine import named_model, open_engine
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.evaluate import evaluation_judge, judges_by_model
from hf_selfdemo.verbs.unscored import unscored_lines


def run_score(recipe: Recipe) -> None:
    """Judge the replies in `predictions`, print the table, and write the report and all labels.

    The whole file is read before anything is judged. Calls of a judge are cached.

    Raises:
        UserError: if the file cannot be read, or a row lacks a column, naming the row.
    """
    judge, columns = evaluation_judge(recipe), recipe.score.reply_columns
    rows, replies = _read(recipe)
    generator = _generator(recipe)
    with progress("score", len(rows) * len(columns)) as advance:
        found = {
            name: score_replies(rows, said, judge, generator, recipe.engine.window, advance)
            for name, said in replies.items()
        }
    predictions = {name: [one.prediction for one in scored] for name, scored in found.items()}
    title = f"{recipe.score.predictions}: {len(rows)} rows, judged by {recipe.evaluate.evaluate_judge}"
    comparison = Comparison(
        title, [Column(name, {"rag": said}) for name, said in predictions.items()], {row.id: row for row in rows}
    )
    show(terminal_table(comparison.runs, title), table_width(len(predictions)))
    for line in unscored_lines({name: {"rag": _unscored(scored)} for name, scored in found.items()}):
        say(line)
    folder = recipe.output_dir / "scores"
    with remade(folder) as staging:
        write_page(staging, write_figures(staging, comparison), comparison)
        write_text(staging / "rows.jsonl", _lines(rows, found))
    say(f"report: {folder / 'report.html'}; labels: {folder / 'rows.jsonl'}")


def _read(recipe: Recipe) -> tuple[list[Evidence], dict[str, list[str]]]:
    """Read the rows of the file, and their replies by column."""
    source, data, columns = recipe.score.predictions, recipe.data, recipe.score.reply_columns
    if not source:
        raise UserError("predictions is not set", "name the file: hf-selfdemo score FILE --output_dir runs/NAME")
    if not columns or len({*columns}) < len(columns):
        raise UserError(f"reply_columns is {columns}", "name each column of replies once")
    config, revision = data.dataset_config, data.dataset_revision
    mapping = ColumnMap.of(data.preset, data.columns)
    if lacking := missing_columns(source, mapping, data.test_split, config, revision):
        remedy = f"put questions, gold answers and replies into one file; {lacking.remedy}"
        raise UserError(lacking.what, remedy)
    asked = each_question(source, data.test_split, data.preset, data.columns, config, revision, "", data.list_separator)
    replies = list(read_replies(read_rows(source, data.test_split, config, revision), columns))
    rows = rows_shown(list(asked))
    return rows, dict(zip(columns, map(list, zip(*replies, strict=True)), strict=True))


def _generator(recipe: Recipe) -> Generator:
    """The model that the judge asks. None is loaded for a judge that needs no model."""
    if judges_by_model(recipe.evaluate):
        return open_engine(recipe, named_model(recipe)).generator
    return ScriptedGenerator()


def _unscored(scored: list[Scored]) -> dict[str, int]:
    return dict(Counter(one.reason for one in scored if one.prediction.label == "unscored").most_common())


def _lines(rows: list[Evidence], found: dict[str, list[Scored]]) -> str:
    """One line of JSON for each reply, grouped by question."""
    told = (scored_row(row, name, scored[place]) for place, row in enumerate(rows) for name, scored in found.items())
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in told)
