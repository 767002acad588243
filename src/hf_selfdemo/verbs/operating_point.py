"""`hf-selfdemo operating_point`: choose the confidence threshold of a trained model on the dev questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hf_selfdemo.core.console import say, show, table_width
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import versions
from hf_selfdemo.core.types import Mode, Prediction
from hf_selfdemo.evaluation.evaluated import Evaluation, folder_for
from hf_selfdemo.evaluation.report import terminal_table
from hf_selfdemo.generation.tuned import weights_hash
from hf_selfdemo.methods.at_point import write_point
from hf_selfdemo.methods.openings import with_signals
from hf_selfdemo.recipe.aim import recipe_aim
from hf_selfdemo.recipe.config import AbilityArguments
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.scoring.abstention import abstention_figures
from hf_selfdemo.scoring.operating_point import OperatingPoint, at_point, beside, choose_point
from hf_selfdemo.verbs.columns import model_answerer, served_models, tuned_models
from hf_selfdemo.verbs.evaluate import run_evaluate

_FEW_ANSWERS = 0.1
"""Share of the dev rows below which a warning says how few are answered."""

_DEV = "run `hf-selfdemo evaluate --evaluate_on dev` with the same config first"


def run_operating_point(recipe: Recipe) -> None:
    """Choose a point for each trained model by its replies to the dev questions, and write it to the model's folder.

    No model is asked. Choosing again with another target replaces the point and needs no training.

    Raises:
        UserError: if no target is set, these models have not been evaluated on the dev questions, their replies have
            no signals, or the bounds of the target cannot be guaranteed.
    """
    aim = recipe_aim(recipe)
    folder = recipe.output_dir / folder_for("dev")
    if not (folder / "manifest.json").exists():
        raise UserError(f"{folder} contains no finished evaluation", _DEV)
    evaluation = Evaluation(folder)
    models = tuned_models(recipe)
    served = served_models(recipe, ["base", *models])
    for name, model in models.items():
        said = _replies(evaluation, name, model)
        point = choose_point(said, aim)
        _show(name, said, point)
        keys, answerer = recipe.evaluate, model_answerer(recipe, model)
        if keys.evaluate_signals and name not in served:
            answerer = with_signals(answerer, model, keys.evaluate_withheld)
        about = {
            "evaluation": {
                "rows": len(said),
                "judge": evaluation.manifest["judges"][name],
                "files": evaluation.manifest["files"],
            },
            "figures": abstention_figures([at_point(one, point) for one in said], aim.abstain_value),
            "versions": versions(),
        }
        path = write_point(model, point, answerer, keys.max_answer_tokens, about)
        say(f"wrote {path}: `evaluate`, `ask`, `app` and `push` use it")


def point_within_run(recipe: Recipe) -> None:
    """Ask the dev questions and choose a point, if the recipe has a target: a stage of `run` between train and test."""
    if recipe.operating.operating_target is None:
        return
    ask_dev(recipe, "rag")
    run_operating_point(recipe)


def ask_dev(recipe: Recipe, *modes: Mode) -> None:
    """Evaluate on the dev questions in these modes only."""
    asking = on_dev(recipe, *modes)
    run_evaluate(asking)
    asking.say_what_was_looked_up()


def on_dev(recipe: Recipe, *modes: Mode) -> Recipe:
    """The recipe for an evaluation on the dev questions in these modes only."""
    evaluate = replace(recipe.evaluate, evaluate_on="dev", evaluate_modes=list(modes), evaluate_plain=False)
    return replace(recipe, evaluate=evaluate, ability=AbilityArguments())


def _replies(evaluation: Evaluation, name: str, model: Path) -> list[Prediction]:
    """The labelled replies with passages of a model with these weights. They must have signals."""
    known = evaluation.manifest.get("weights", {}).get(name)
    if name not in evaluation.columns or known != weights_hash(model):
        raise UserError(f"{evaluation.folder} contains no replies of the current model in {model}", _DEV)
    said = list(evaluation.column(name).predictions.get("rag", ()))
    if not said:
        raise UserError(f"{evaluation.folder} contains no replies of {name!r} with passages", _DEV)
    if not any((one.withheld or one).signals for one in said):
        what = f"the replies of {name!r} in {evaluation.folder} have no confidence signals"
        raise UserError(what, "an earlier version wrote them: " + _DEV.replace(" first", " again"))
    return said


def _show(name: str, said: Sequence[Prediction], point: OperatingPoint) -> None:
    """Print the figures on the dev questions as trained, at the point and at its neighbours, and the bounds."""
    fewer, more = beside(said, point)
    columns = {"as trained": list(said)} | {
        label: [at_point(one, chosen) for one in said]
        for label, chosen in (("fewer answers", fewer), ("at the point", point), ("more answers", more))
    }
    runs = {label: {"rag": found} for label, found in columns.items()}
    title = f"{name}, chosen for {point.aim.words()}: {len(said)} dev rows"
    show(terminal_table(runs, title), table_width(len(runs)))
    say(f"{name} answers if the probability that it is correct is at least {point.threshold:.3f}")
    answered = sum(one.label != "abstain" for one in columns["at the point"])
    if answered < _FEW_ANSWERS * len(said):
        say(
            f"warning: at this point {name} answers only {answered} of {len(said)} dev questions; for a point that "
            "answers more, allow a higher operating_limit or set another operating_target"
        )
    for bound in point.bounds:
        say(bound.words())
