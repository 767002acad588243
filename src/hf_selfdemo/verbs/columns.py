"""What `evaluate` compares: every column is a name, weights or none, and how they are asked."""

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
    """One column: `weights` is the folder of what was trained, None for the base model.

    `at_point`: the same model as the column before it, at the operating point that its folder keeps. `served`: the
    name under which a server has the model; "" for one that runs in this process.
    """

    name: str
    weights: Path | None
    answerer: Answerer
    at_point: bool = False
    served: str = ""

    @property
    def model(self) -> str:
        """What the model is called in `served`."""
        if self.weights is None:
            return "base"
        return self.name.removesuffix(AT_POINT) if self.at_point else self.name


def recipe_columns(recipe: Recipe, model: ResolvedModel | None = None) -> list[Asked]:
    """The columns of a recipe: the base model; it under the plain prompt, if that is asked for; a method that trains
    nothing, under its name; what was trained, each asked as its method says, and once more at its operating point. Dev
    questions are what a point is chosen on, and are asked without. The same holds for a gate.

    Args:
        recipe: what is compared.
        model: the base model, for which a gate must have been fitted; None if nothing is to be asked.

    Raises:
        UserError: if a folder holds no model, its operating point is another model's, two columns have one name,
            `served` names none of them, or the run holds no gate for this model.
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
        raise UserError(f"adapters: two columns are named {twice[0]!r}", "give the model another name, as other=FOLDER")
    served = served_models(recipe, [column.model for column in columns])
    if served and not recipe.engine.server_url:
        raise UserError("served is set and server_url is not", "add it, e.g. http://localhost:8000/v1")
    asked = (_with_engine(recipe, column, served.get(column.model, "")) for column in columns)
    return [column for column in asked if column]


def _with_engine(recipe: Recipe, column: Asked, served: str) -> Asked | None:
    """The column as it asks in this process or at a server; None if its operating point cannot be applied there."""
    e = recipe.evaluate
    if not served:
        if not e.evaluate_signals:
            return column
        return replace(column, answerer=with_signals(column.answerer, column.weights, e.evaluate_withheld))
    try:
        return replace(column, answerer=for_server(column.answerer), served=served)
    except UserError as error:
        say(f"there is no column {column.name!r}: {error}")
        return None


def served_models(recipe: Recipe, models: Sequence[str]) -> dict[str, str]:
    """Names of models on the server by what they are called in the recipe.

    Args:
        recipe: its `served` is read.
        models: that can be named there.

    Raises:
        UserError: if a pair is none, or names another model.
    """
    pairs = [pair.partition("=") for pair in recipe.evaluate.served]
    for name, _, served in pairs:
        if not served:
            raise UserError(f"served: {name!r} is not a name=MODEL pair", "write e.g. tuned=runs/mine/merged")
        if name not in models:
            known = ", ".join(dict.fromkeys(models))
            remedy = f"known are {known}; another trained model needs its folder, too: --adapters {name}=FOLDER"
            raise UserError(f"served: there is no model {name!r}", remedy)
    return {name: served for name, _, served in pairs}


def _untrained(recipe: Recipe, model: ResolvedModel | None) -> list[Asked]:
    """The columns of a method that trains nothing; a gated one also has that of its expensive way of answering."""
    name, answerer = recipe.method.name, recipe_answerer(recipe)
    if not isinstance(answerer, Gated):
        return [Asked(name, None, answerer)]
    full = [] if (column := expensive_column(answerer)) == "base" else [Asked(column, None, answerer.full)]
    if recipe.evaluate.evaluate_on == "dev":
        return full
    return [*full, Asked(name, None, recipe_answerer(recipe, model))]


def expensive_column(answerer: Gated) -> str:
    """The column that holds the answers of its expensive way."""
    return "base" if answerer.full == answerer.cheap else answerer.gating.gate_asks


def recipe_answerer(recipe: Recipe, model: ResolvedModel | None = None) -> Answerer:
    """How the recipe's method asks.

    Args:
        recipe: names the method.
        model: the model that is asked, for which a gate must have been fitted; None gives a gated method without one.

    Raises:
        UserError: if the run holds no gate for this model and these keys.
    """
    answerer = recipe.method.answerer(recipe.evaluate.max_answer_tokens, recipe.demonstrate.demonstrate_seed)
    if model is None or not isinstance(answerer, Gated):
        return answerer
    return replace(answerer, gate=recorded_gate(recipe.output_dir, gate_settings(recipe, answerer, model)))


def gate_settings(recipe: Recipe, answerer: Gated, model: ResolvedModel) -> dict[str, Any]:
    """All that decides the outcomes that a gate is fitted on, besides the questions."""
    return {
        "base": model.fingerprint,
        "cheap": answerer.cheap.identity,
        "expensive answerer": answerer.full.identity,
        **recipe.chat_template,
        **recipe.method.recipe_keys(),
        **shown_by(asdict(recipe.retrieval)),
    }


_ELSEWHERE = {"train", "dev", "test", "index"}
"""Parts of the names of keys that an evaluation does not record, or that differ from dev to test."""


def shown_by(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a recipe's keys that decide which passages are shown, where they differ from their defaults."""
    usual = {f.name: f.default for f in fields(RetrievalArguments) if not _ELSEWHERE & set(f.name.split("_"))}
    del usual["max_answers_cut"]  # it only refuses
    return {key: keys[key] for key, value in usual.items() if key in keys and keys[key] != value}


def model_answerer(recipe: Recipe, folder: Path) -> Answerer:
    """How the model in a folder wants to be asked: as the method says that its folder names, else in the usual way.

    Without its operating point.

    Raises:
        UserError: if that method is not known here.
    """
    length, found = recipe.evaluate.max_answer_tokens, recorded_method(folder)
    return found.answerer(length, recipe.demonstrate.demonstrate_seed) if found else PromptAnswerer(length)


def tuned_models(recipe: Recipe) -> dict[str, Path]:
    """Folders by column: those that the recipe names, else all that was trained in its output_dir, last the one that
    `variant` chooses."""
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
        raise UserError(f"{folder} holds no trained model", remedy) from None
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
