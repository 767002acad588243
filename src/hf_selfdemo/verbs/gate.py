"""`hf-selfdemo gate`: learn on the dev questions when the expensive answerer is worth its cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from statistics import fmean

from rich.table import Table
from rich.text import Text

from hf_selfdemo.core.claim import differing
from hf_selfdemo.core.console import say, show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import versions
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.types import Mode, Prediction
from hf_selfdemo.evaluation.evaluated import Evaluation, folder_for
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.methods.gate import Gate, Outcome, fit_gate, outcomes, write_gate
from hf_selfdemo.methods.lagr_seq import Gated
from hf_selfdemo.recipe.evidence import has_dev
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.columns import expensive_column, gate_settings, recipe_answerer, shown_by
from hf_selfdemo.verbs.operating_point import ask_dev

BOTH_WAYS: tuple[Mode, Mode] = ("rag", "closed_book")
"""The modes in which the dev questions are asked before a gate is fitted."""

_DEV = "run `hf-selfdemo evaluate --evaluate_on dev` with the same config first"


def run_gate(recipe: Recipe) -> None:
    """Fit the gate on the stored answers to the dev questions, print its states, and write it into the run's folder.

    No model is asked. Rows with an unscored answer are left out and counted.

    Raises:
        UserError: if the method has no gate, the dev questions have not been evaluated in both modes with the same
            config, or the answers are too few to fit a gate.
    """
    refuse_gate(recipe)
    folder = recipe.output_dir / folder_for("dev")
    if not (folder / "manifest.json").exists():
        raise UserError(f"{folder} contains no finished evaluation", _DEV)
    evaluation, answerer, model = Evaluation(folder), recipe_answerer(recipe), recipe.resolve()
    assert isinstance(answerer, Gated)
    _refuse_other_dev(recipe, evaluation, model)
    cheap = _answers(evaluation, "base", "closed_book", answerer.cheap)
    expensive = _answers(evaluation, expensive_column(answerer), "rag", answerer.full)
    found, left_out = outcomes(evaluation.evidence.rows, cheap, expensive)
    keys = answerer.gating
    gate = fit_gate(found, keys.gate_reward, keys.gate_bins, keys.gate_passes, answerer.seed)
    about = {
        "evaluation": {
            "rows": len(found),
            "left_out": left_out,
            "judge": evaluation.manifest["judges"]["base"],
            "files": evaluation.manifest["files"],
        },
        "versions": versions(),
    }
    path = write_gate(recipe.output_dir, gate, gate_settings(recipe, answerer, model), about)
    show(states_table(gate, found))
    for line in _summary(gate, found, left_out):
        say(line)
    say(f"wrote {path}: `evaluate` and `app` use it")


def gate_within_run(recipe: Recipe) -> None:
    """Ask the dev questions in both modes and fit the gate, if the method has one: a stage of `run` before testing."""
    if recipe.method.method.gated:
        ask_dev(recipe, *BOTH_WAYS)
        run_gate(recipe)


def refuse_gate(recipe: Recipe) -> None:
    """Check that a gate can be fitted, before any call is paid for.

    Raises:
        UserError: if the method has no gate, the engine is a server, or there are no dev questions.
    """
    name = recipe.method.name
    if not recipe.method.method.gated:
        raise UserError(f"method {name!r} has no gate", "set method: lagr_seq")
    if recipe.engine.engine == "server":
        what = f"method {name!r} needs the log-probability of an answer, which a server does not return"
        raise UserError(what, "use engine: transformers")
    if not has_dev(recipe.data):
        raise UserError("there are no dev questions to fit a gate on", "set dev_questions or held_out_share")


def _refuse_other_dev(recipe: Recipe, evaluation: Evaluation, model: ResolvedModel) -> None:
    """Reject answers of another model, or to questions with other passages."""
    if evaluation.manifest["settings"].get("base") != model.fingerprint:
        raise UserError(f"{evaluation.folder} contains the answers of another model than {model.name}", _DEV)
    there, now = shown_by(evaluation.manifest["data"]), shown_by(asdict(recipe.retrieval))
    if keys := differing(there, now, {}):
        raise UserError(f"{evaluation.folder} was made with other passages: {', '.join(keys)}", _DEV)


def _answers(evaluation: Evaluation, column: str, mode: Mode, answerer: Answerer) -> Sequence[Prediction]:
    """The labelled answers of one answerer."""
    if column not in evaluation.columns or not (said := evaluation.column(column).predictions.get(mode)):
        raise UserError(f"{evaluation.folder} contains no {mode} answers of {column!r}", _DEV)
    if evaluation.manifest["answerers"].get(column) != answerer.identity:
        raise UserError(
            f"{evaluation.folder} contains answers of {column!r} that were made with another answerer", _DEV
        )
    return said


def states_table(gate: Gate, found: Sequence[Outcome]) -> Table:
    """A table of the gate's states: the answers in each, and whether the gate asks there."""
    table = Table("state", "questions", "cheap correct", "expensive correct", "value of asking", "gate")
    for column in table.columns[1:]:
        column.justify = "right"
    for state, value in gate.values.items():
        here = [one for one in found if gate.state(one.row, one.confidence) == state]
        right = (share(one.cheap_right for one in here), share(one.expensive_right for one in here))
        asks = "asks" if gate.asks(state) else "skips"
        table.add_row(Text(state), str(len(here)), *(f"{each:.2f}" for each in right), f"{value:+.2f}", asks)
    return table


def _summary(gate: Gate, found: Sequence[Outcome], left_out: int) -> Iterator[str]:
    asked = [gate.asks(gate.state(one.row, one.confidence)) for one in found]
    gated = share(one.expensive_right if asks else one.cheap_right for one, asks in zip(found, asked, strict=True))
    never, always = share(one.cheap_right for one in found), share(one.expensive_right for one in found)
    yield f"of the {len(found)} questions that it was fitted on, the gate asks the expensive answerer for {sum(asked)}"
    yield f"correct: {gated:.2f} with the gate, {never:.2f} if it never asks, {always:.2f} if it always asks"
    if left_out:
        yield f"{left_out} rows are left out, because an answer is missing or unscored"


def share(hits: Iterable[bool]) -> float:
    """The share of hits."""
    return fmean(map(float, hits))
