"""Keys and flags to a recipe: which are known, what kind each wants, and which follow from others.

Everything is flat: our own groups, the keys of the method, TRL's `ModelConfig`, and the training configuration of the
objective. So method and objective must be known first.
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
"""In the order of `Recipe`."""

PACKAGE_DEFAULTS: dict[str, Any] = {"use_peft": True, "lora_target_modules": "all-linear"}
"""Where this package differs from TRL's `ModelConfig`: LoRA on every linear layer unless asked otherwise."""

_HELP = {"--help", "-h"}


def make_recipe(given: dict[str, Any], flags: Sequence[str] = (), verb: str = "") -> Recipe:
    """A `Recipe` from keys and the command line's flags, which win.

    Args:
        given: keys as a recipe file has them; `output_dir` must be among them or the flags.
        flags: `--KEY VALUE` or `--KEY=VALUE`.
        verb: the command whose keys `--help` lists; "" for every key.

    Raises:
        UserError: for an unknown key or flag (naming the near match), one of another method or objective, a value of
            the wrong kind or out of range, or keys that contradict each other.
    """
    given = {k: "no" if v is False and k.endswith("_strategy") else v for k, v in given.items()}  # YAML reads `no` so
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
        what = f"method {first.method!r} has the key {min(taken)!r}, which every recipe has"
        raise UserError(what, "give it another name in the method's file")
    for key in given:
        _check_known(key, [*ours, *theirs], first.method, objective, f"recipe key {key!r}")
    for key in flagged:
        _check_known(key, [*ours, *theirs], first.method, objective, f"option --{key}")
    if "greater_is_better" in {*given, *flagged}:
        raise UserError("greater_is_better follows from metric_for_best_model", "leave it out")
    if "output_dir" not in {*given, *flagged}:
        raise UserError("output_dir is not set", "add it to the recipe or give --output_dir runs/NAME")
    if objective not in (method.objectives or OBJECTIVES):
        served = " or ".join(method.objectives)
        raise UserError(
            f"objective is {objective!r}, and method {first.method!r} makes no data for it", f"use {served}"
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
    """What is trained by where a recipe names no objective: the method's first."""
    return next(iter(method.objectives), "sft")


def _mixed_precision(model: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, Any]:
    """`bf16`, if nobody says whether training multiplies in bfloat16: `dtype: auto` does on a processor that can."""
    if model.get("dtype") != "auto" or {"bf16", "fp16"} & training.keys():
        return {}
    with waiting("importing torch and TRL"):
        from hf_selfdemo.generation.precision import bfloat16_by, on_gpu

        return {} if on_gpu() or not bfloat16_by() else {"bf16": True}


def _made(name: str, values: Mapping[str, Any]) -> Any:
    """One of TRL's configurations, which is imported only here, when all that can be known of the keys is right."""
    try:
        with waiting("importing torch and TRL"):
            return load("class", name, CLASSES)(**values)
    except UserError:
        raise
    except Exception as error:  # the configurations' own checks raise many kinds
        raise UserError("a key or option cannot be used", str(error)) from None


def _embedded_if_none_named(data: config.DataArguments, named: set[str]) -> None:
    """Who names no source gets the embedded ones; beside one of their own they would be there unasked."""
    if data.only_embedded:
        for key in config.SOURCES - named - config.DEV_SOURCES:
            setattr(data, key, "embedded" if isinstance(getattr(data, key), str) else ["embedded"])


def _check_known(key: str, groups: Sequence[Any], method: str, objective: str, what: str) -> None:
    """What belongs to another method or objective is only looked into, and imported, for a key that is not known."""
    known = key_names(groups)
    if key in known or key.removeprefix("no_") in known:
        return
    plain = key.removeprefix("no_")
    for other in (name for name in METHODS if name != method):
        if plain in key_names(load("method", other, METHODS).keys):
            raise UserError(
                f"{what} belongs to method {other!r}, and method is {method!r}",
                f"leave it out, or set method: {other}",
            )
    for other in (name for name in OBJECTIVES if name != objective):
        if plain in key_names([training_keys()[other]]):
            raise UserError(
                f"{what} belongs to objective {other!r}, and objective is {objective!r}",
                f"leave it out, or set objective: {other}",
            )
    if plain == "strategy":
        raise UserError(f"unknown {what}", f"write method: {' or '.join(METHODS)}")
    raise UserError(f"unknown {what}", did_you_mean(key, known))
