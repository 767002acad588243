"""Make a `Recipe` from the options of a file and of the command line: check their names, types, ranges and conflicts.

All options are in one flat list: the package's own, those of the method, TRL's `ModelConfig`, and the training
configuration of the objective. So method and objective are read first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_selfdemo.core.console import waiting
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import check_choices, check_kinds
from hf_selfdemo.core.loading import did_you_mean, load
from hf_selfdemo.core.ranges import check_keys
from hf_selfdemo.methods import METHODS
from hf_selfdemo.methods.method import Chosen, Method, find_method
from hf_selfdemo.methods.question_writer import QuestionKeys
from hf_selfdemo.recipe import command_keys, config
from hf_selfdemo.recipe.documents import name_documents
from hf_selfdemo.recipe.flags import given_values
from hf_selfdemo.recipe.help import Known, show_help
from hf_selfdemo.recipe.implied import First, implied_keys
from hf_selfdemo.recipe.own_keys import key_names
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.training_keys import CLASSES, OBJECTIVES, training_keys

GROUPS: tuple[Any, ...] = (
    config.DataArguments,
    config.DocumentArguments,
    QuestionKeys,
    config.RetrievalArguments,
    config.EngineArguments,
    config.PromptSearchArguments,
    config.DemonstrateArguments,
    config.JudgeArguments,
    config.TrainArguments,
    command_keys.PlanArguments,
    config.EvaluateArguments,
    config.OperatingPointArguments,
    config.AbilityArguments,
    command_keys.ExportArguments,
    command_keys.MergeArguments,
    command_keys.ScoreArguments,
    command_keys.AskArguments,
    command_keys.AppArguments,
    command_keys.PushArguments,
)
"""In the order of the fields of `Recipe`."""

PACKAGE_DEFAULTS: dict[str, Any] = {"use_peft": True, "lora_target_modules": "all-linear"}
"""Defaults that differ from those of TRL's `ModelConfig`: LoRA on every linear layer."""

_HELP = {"--help", "-h"}


def make_recipe(given: dict[str, Any], flags: Sequence[str] = (), verb: str = "") -> Recipe:
    """Make a `Recipe` from the options of a file and those of the command line, which override the file.

    Args:
        given: options as a recipe file has them. `output_dir` must be here or in the flags.
        flags: `--OPTION VALUE` or `--OPTION=VALUE`.
        verb: the command whose options `--help` lists; "" for all options.

    Raises:
        UserError: for an unknown option (naming the nearest), an option of another method or objective, a value of
            the wrong type or out of range, or options that contradict each other.
    """
    given = {
        k: "no" if v is False and k.endswith("_strategy") else v for k, v in given.items()
    }  # YAML reads `no` as false
    flagged = {f[2:].partition("=")[0].replace("-", "_"): f for f in flags if f.startswith("--")}
    first = First(**given_values([First], {k: v for k, v in given.items() if v is not None}, flags, partly=True)[0])
    check_keys(first)
    method = find_method(first.method)
    objective = first.objective or default_objective(method)
    if objective not in OBJECTIVES:
        raise UserError(f"unknown objective {objective!r}", did_you_mean(objective, list(OBJECTIVES)))
    trained = training_keys()
    if _HELP & set(flags):
        kinds = {name: trained[name] for name in OBJECTIVES}
        own = {name: find_method(name).keys for name in dict.fromkeys([*METHODS, first.method])}
        known = Known(GROUPS, own, first.method, trained["model"], kinds, objective)
        show_help(verb, known, PACKAGE_DEFAULTS | given)
    ours = [*GROUPS, *method.keys]
    theirs = [trained["model"], trained[objective]]
    if taken := set(key_names(method.keys)) & set(key_names([*GROUPS, *theirs])):
        what = f"method {first.method!r} defines the option {min(taken)!r}, which every recipe already has"
        raise UserError(what, "rename it in the method's file")
    for key in given:
        _check_known(key, [*ours, *theirs], first.method, objective, f"recipe option {key!r}")
    for key in flagged:
        _check_known(key, [*ours, *theirs], first.method, objective, f"option --{key}")
    if "greater_is_better" in {*given, *flagged}:
        raise UserError("greater_is_better cannot be set, because metric_for_best_model decides it", "leave it out")
    if "output_dir" not in {*given, *flagged}:
        raise UserError("output_dir is not set", "add it to the recipe or give --output_dir runs/NAME")
    if objective not in (method.objectives or OBJECTIVES):
        served = " or ".join(method.objectives)
        raise UserError(
            f"objective is {objective!r}, but method {first.method!r} makes no data for it", f"use {served}"
        )
    implied = implied_keys(first)
    said = PACKAGE_DEFAULTS | implied | {"objective": objective} | given
    values = given_values([*ours, *theirs], said, flags)
    groups = [group(**found) for group, found in zip([*ours, *theirs], values, strict=True)]
    for group in groups:
        if type(group) in ours:
            check_kinds(group)
        check_choices(group)
        check_keys(group)
    implied |= _mixed_precision(*values[-2:])
    common, own_keys = groups[: len(GROUPS)], groups[len(GROUPS) : len(ours)]
    model, training = _made("model", values[-2]), _made(objective, implied | values[-1])
    parts: list[Any] = [*common, Chosen(first.method, method, tuple(own_keys)), model, training]
    recipe = Recipe(*parts)
    recipe.implied = implied
    if recipe.documents.documents:
        name_documents(recipe)
    _embedded_if_none_named(recipe.data, {*given, *flagged})
    return recipe


def default_objective(method: Method) -> str:
    """The objective of a recipe that names none: the first that the method supports."""
    return next(iter(method.objectives), "sft")


def _mixed_precision(model: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, Any]:
    """`bf16: true` for `dtype: auto` on a CPU that multiplies bfloat16, unless bf16 or fp16 is given."""
    if model.get("dtype") != "auto" or {"bf16", "fp16"} & training.keys():
        return {}
    with waiting("importing torch and TRL"):
        from hf_selfdemo.generation.precision import bfloat16_by, on_gpu

        return {} if on_gpu() or not bfloat16_by() else {"bf16": True}


def _made(name: str, values: Mapping[str, Any]) -> Any:
    """Make one of TRL's configurations. TRL is imported only here, after all other checks have passed."""
    try:
        with waiting("importing torch and TRL"):
            return load("class", name, CLASSES)(**values)
    except UserError:
        raise
    except Exception as error:  # the configurations' own checks raise many types
        raise UserError("an option cannot be used", str(error)) from None


def _embedded_if_none_named(data: config.DataArguments, named: set[str]) -> None:
    """Set all sources to the embedded ones, unless the user names a source of their own."""
    if data.only_embedded:
        for key in config.SOURCES - named - config.DEV_SOURCES:
            setattr(data, key, "embedded" if isinstance(getattr(data, key), str) else ["embedded"])


def _check_known(key: str, groups: Sequence[Any], method: str, objective: str, what: str) -> None:
    """Check that an option is known. Other methods and objectives are imported only to explain an unknown option."""
    known = key_names(groups)
    if key in known or key.removeprefix("no_") in known:
        return
    plain = key.removeprefix("no_")
    for other in (name for name in METHODS if name != method):
        if plain in key_names(load("method", other, METHODS).keys):
            raise UserError(
                f"{what} belongs to method {other!r}, but method is {method!r}",
                f"leave it out, or set method: {other}",
            )
    for other in (name for name in OBJECTIVES if name != objective):
        if plain in key_names([training_keys()[other]]):
            raise UserError(
                f"{what} belongs to objective {other!r}, but objective is {objective!r}",
                f"leave it out, or set objective: {other}",
            )
    if plain == "strategy":
        raise UserError(f"unknown {what}", f"write method: {' or '.join(METHODS)}")
    raise UserError(f"unknown {what}", did_you_mean(key, known))
