"""The columns that `evaluate` compares: each has a name, trained weights or none, and an answerer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from hf_selfdemo.core.console import say
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.evaluation.evaluated import AT_POINT, PLAIN
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.generation.tuned import weights_of
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.at_point import at_recorded_point, for_server
from hf_selfdemo.methods.gate import recorded_gate
from hf_selfdemo.methods.lagr_seq import Gated
from hf_selfdemo.methods.method import recorded_method
from hf_selfdemo.methods.openings import with_signals
from hf_selfdemo.recipe.config import RetrievalArguments
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.rounds import round_models
from hf_selfdemo.verbs.run_folders import trained_folders

_PLAIN_TEMPLATE = "candidates/rag_1"


@dataclass(frozen=True)
class Asked:
    """One column. `weights` is the folder of the trained model, or None for the base model.

    `at_point` marks a column that asks the same model as the previous column, at its operating point. `served` is the
    name of the model on a server; "" for a model that runs in this process.
    """

    name: str
    weights: Path | None
    answerer: Answerer
    at_point: bool = False
    served: str = ""

    @property
    def model(self) -> str:
        """The name of the model in the option `served`."""
        if self.weights is None:
            return "base"
        return self.name.removesuffix(AT_POINT) if self.at_point else self.name


def recipe_columns(recipe: Recipe, model: ResolvedModel | None = None) -> list[Asked]:
    """Make the columns of a recipe.

    These are the base model, the base model with the plain prompt if the recipe asks for it, a method that trains
    nothing, and each trained model as its method asks it and again at its operating point. On dev questions there is no
    column with an operating point or a gate, because both are chosen on these questions.

    Args:
        recipe: the recipe.
        model: the base model, which needs a fitted gate if the method has gates; None if no model will be asked.

    Raises:
        UserError: if a folder contains no model, its operating point belongs to another model, two columns have the
            same name, `served` names another model, or the run has no gate for this model.
    """
    length, method = recipe.evaluate.max_answer_tokens, recipe.method
    usual = PromptAnswerer(length)
    columns = [Asked("base", None, usual)]
    if recipe.evaluate.evaluate_plain:
        columns.append(Asked(PLAIN, None, PromptAnswerer(length, rag=_PLAIN_TEMPLATE)))
    if not method.method.trains:
        columns += _untrained(recipe, model)
    for name, folder in tuned_models(recipe).items():
        answerer = model_answerer(recipe, folder)
        columns.append(Asked(name, folder, answerer))
        if recipe.evaluate.evaluate_on != "dev" and (found := at_recorded_point(folder, answerer)):
            columns.append(Asked(name + AT_POINT, folder, found, at_point=True))
    names = [column.name for column in columns]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"adapters: two columns are named {twice[0]!r}", "rename one of the models, e.g. other=FOLDER")
    served = addressed_models(recipe, [column.model for column in columns])
    asked = (_with_engine(recipe, column, served.get(column.model, "")) for column in columns)
    return [column for column in asked if column]


def _with_engine(recipe: Recipe, column: Asked, served: str) -> Asked | None:
    """Set the answerer for this process or for a server; None if the server cannot apply the operating point."""
    e = recipe.evaluate
    if not served:
        if not e.evaluate_signals:
            return column
        return replace(column, answerer=with_signals(column.answerer, column.weights, e.evaluate_withheld))
    try:
        return replace(column, answerer=for_server(column.answerer), served=served)
    except UserError as error:
        say(f"column {column.name!r} is left out: {error}")
        return None


def served_models(recipe: Recipe, models: Sequence[str]) -> dict[str, str]:
    """The names of models on the server, by their names in the recipe.

    Args:
        recipe: the recipe, of which `served` is read.
        models: the names of the models that can be served.

    Raises:
        UserError: if a pair is invalid, or names another model.
    """
    pairs = [pair.partition("=") for pair in recipe.evaluate.served]
    for name, _, served in pairs:
        if not served:
            raise UserError(f"served: {name!r} is not a name=MODEL pair", "write e.g. tuned=runs/mine/merged")
        if name not in models:
            known = ", ".join(dict.fromkeys(models))
            remedy = f"choose one of {known}; for another trained model, also add --adapters {name}=FOLDER"
            raise UserError(f"served: there is no model {name!r}", remedy)
    return {name: served for name, _, served in pairs}


def addressed_models(recipe: Recipe, models: Sequence[str]) -> dict[str, str]:
    """As `served_models`, for a command that asks them.

    Raises:
        UserError: also if the recipe does not name the server.
    """
    served = served_models(recipe, models)
    if served and not recipe.engine.server_url:
        raise UserError("served is set, but server_url is not", "add server_url, e.g. http://localhost:8000/v1")
    return served


def _untrained(recipe: Recipe, model: ResolvedModel | None) -> list[Asked]:
    """The columns of a method that trains nothing. A gated method also has a column for its expensive answerer."""
    name, answerer = recipe.method.name, recipe_answerer(recipe)
    if not isinstance(answerer, Gated):
        return [Asked(name, None, answerer)]
    full = [] if (column := expensive_column(answerer)) == "base" else [Asked(column, None, answerer.full)]
    if recipe.evaluate.evaluate_on == "dev":
        return full
    return [*full, Asked(name, None, recipe_answerer(recipe, model))]


def expensive_column(answerer: Gated) -> str:
    """The name of the column with the answers of the expensive answerer."""
    return "base" if answerer.full == answerer.cheap else answerer.gating.gate_asks


def recipe_answerer(recipe: Recipe, model: ResolvedModel | None = None) -> Answerer:
    """Make the answerer of the recipe's method.

    Args:
        recipe: the recipe.
        model: the model to ask, for which a gate must have been fitted; None makes a gated method without its gate.

    Raises:
        UserError: if the run has no gate for this model and these options.
    """
    answerer = recipe.method.answerer(recipe.evaluate.max_answer_tokens, recipe.demonstrate.demonstrate_seed)
    if model is None or not isinstance(answerer, Gated):
        return answerer
    return replace(answerer, gate=recorded_gate(recipe.output_dir, gate_settings(recipe, answerer, model)))


def gate_settings(recipe: Recipe, answerer: Gated, model: ResolvedModel) -> dict[str, Any]:
    """Everything except the questions that decides the outcomes on which a gate is fitted."""
    return {
        "base": model.fingerprint,
        "cheap": answerer.cheap.identity,
        "expensive answerer": answerer.full.identity,
        **recipe.chat_template,
        **recipe.method.recipe_keys(),
        **shown_by(asdict(recipe.retrieval)),
    }


_ELSEWHERE = {"train", "dev", "test", "index"}
"""Words in the names of options that an evaluation does not record, or that differ between dev and test."""


def shown_by(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The options that decide which passages are shown, if they differ from their defaults."""
    usual = {f.name: f.default for f in fields(RetrievalArguments) if not _ELSEWHERE & set(f.name.split("_"))}
    del usual["max_answers_cut"]  # it only stops the command
    return {key: keys[key] for key, value in usual.items() if key in keys and keys[key] != value}


def model_answerer(recipe: Recipe, folder: Path) -> Answerer:
    """Make the answerer of a trained model, without its operating point: that of its method, or the usual prompt.

    Raises:
        UserError: if the method that the folder names is not known here.
    """
    length, found = recipe.evaluate.max_answer_tokens, recorded_method(folder)
    return found.answerer(length, recipe.demonstrate.demonstrate_seed) if found else PromptAnswerer(length)


def tuned_models(recipe: Recipe) -> dict[str, Path]:
    """The folders of the trained models by column: those in `adapters`, or else all in `output_dir`.

    The model that `variant` chooses comes last.
    """
    if recipe.evaluate.adapters:
        return dict(map(_named_folder, recipe.evaluate.adapters))
    if not recipe.method.method.trains:
        return {}
    if recipe.train.num_rounds > 1:
        return round_models(recipe)
    folder = recipe.model_folder
    try:
        weights_of(folder)
    except UserError:
        remedy = "run `hf-selfdemo train` with the same config, or name another run's: --adapters tuned=RUN/model"
        raise UserError(f"{folder} contains no trained model", remedy) from None
    others = (path for path in trained_folders(recipe.output_dir) if path != folder)
    return {column_of(path): path for path in (*others, folder)}


def column_of(folder: Path) -> str:
    """The name of the column of a model that was trained in a run's folder.

    Example:
        >>> column_of(Path("runs/mine/model")), column_of(Path("runs/mine/model-2"))
        ('tuned', 'model-2')
    """
    return "tuned" if folder.name == "model" else folder.name


def _named_folder(pair: str) -> tuple[str, Path]:
    name, equals, path = pair.partition("=")
    if not equals or name in ("base", PLAIN):
        raise UserError(f"adapters: {pair!r} is not a name=folder pair", "write e.g. tuned=runs/quickstart/model")
    if not name or set(name) & set("/\\:"):  # it names a column and the files of its replies
        raise UserError(f"adapters: {name!r} is not a column name", "leave out slashes and colons")
    weights_of(Path(path))
    return name, Path(path)
