"""Keys and flags to a recipe: which are known, what kind each wants, and which follow from others.

Everything is flat: our own groups, the keys of the method, TRL's `ModelConfig`, and the training configuration of the
objective. So method and objective must be known first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_origin, get_type_hints

from trl import ModelConfig, TrlParser

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import check_kinds
from hf_selfdemo.core.loading import did_you_mean, load
from hf_selfdemo.core.ranges import check_keys
from hf_selfdemo.methods import METHODS
from hf_selfdemo.methods.method import Chosen, Method
from hf_selfdemo.recipe import config
from hf_selfdemo.recipe.help import show_help
from hf_selfdemo.recipe.implied import First, implied_keys
from hf_selfdemo.recipe.recipe import Recipe

OBJECTIVES = {
    "sft": "hf_selfdemo.training.sft:SelfDemoConfig",
    "dpo": "hf_selfdemo.training.dpo:SelfDemoDPOConfig",
}
"""The training configuration of each objective. They share most of their keys."""

_GROUPS: tuple[Any, ...] = (
    config.DataArguments,
    config.RetrievalArguments,
    config.EngineArguments,
    config.PromptSearchArguments,
    config.DemonstrateArguments,
    config.JudgeArguments,
    config.TrainArguments,
    config.PlanArguments,
    config.EvaluateArguments,
    config.AbilityArguments,
    config.ExportArguments,
    config.AppArguments,
    config.PushArguments,
)
"""In the order of `Recipe`."""

_PACKAGE_DEFAULTS: dict[str, Any] = {"use_peft": True, "lora_target_modules": "all-linear"}
"""Where this package differs from TRL's `ModelConfig`: LoRA on every linear layer unless asked otherwise."""

_HELP = {"--help", "-h"}


def make_recipe(given: dict[str, Any], flags: Sequence[str] = ()) -> Recipe:
    """A `Recipe` from keys and the command line's flags, which win.

    Args:
        given: keys as a recipe file has them; `output_dir` must be among them or the flags.
        flags: `--KEY VALUE` or `--KEY=VALUE`.

    Raises:
        UserError: for an unknown key or flag (naming the near match), one of another method or objective, a value of
            the wrong kind or out of range, or keys that contradict each other.
    """
    given = {k: "no" if v is False and k.endswith("_strategy") else v for k, v in given.items()}  # YAML reads `no` so
    flagged = {f[2:].partition("=")[0].replace("-", "_"): f for f in flags if f.startswith("--")}
    first = _parsed([First], given, flags, partly=True)[0]
    check_keys(first)
    method: Method = load("method", first.method, METHODS)
    objective = first.objective or next(iter(method.objectives), "sft")
    training = load("objective", objective, OBJECTIVES)
    if _HELP & set(flags):
        kinds = {name: load("objective", name, OBJECTIVES) for name in OBJECTIVES}
        own = {f"Method {name}": load("method", name, METHODS).keys for name in METHODS}
        show_help(_GROUPS, own, ModelConfig, kinds, objective, _PACKAGE_DEFAULTS | given)
    groups = [*_GROUPS, *method.keys, ModelConfig, training]
    for key in given:
        _check_known(key, groups, first.method, objective, f"recipe key {key!r}")
    for key in flagged:
        _check_known(key, groups, first.method, objective, f"option --{key}")
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
    parsed = _parsed(groups, _PACKAGE_DEFAULTS | implied | {"objective": objective} | given, flags)
    for group in parsed:
        if _is_ours(type(group)):
            check_kinds(group)
        check_keys(group)
    ours, rest = parsed[: len(_GROUPS)], parsed[len(_GROUPS) :]
    parts = [*ours, Chosen(first.method, method, tuple(rest[:-2])), *rest[-2:]]
    recipe = Recipe(*parts)
    recipe.implied = implied
    _embedded_if_none_named(recipe.data, {*given, *flagged})
    return recipe


def _embedded_if_none_named(data: config.DataArguments, named: set[str]) -> None:
    """Who names no source gets the embedded ones; beside one of their own they would be there unasked."""
    sources = {key: getattr(data, key) for key in config.SOURCES}
    if all(source in ("", None, [], "embedded", ["embedded"]) for source in sources.values()):
        for key in config.SOURCES - named - config.DEV_SOURCES:
            setattr(data, key, "embedded" if isinstance(sources[key], str) else ["embedded"])


def _parsed(groups: Sequence[Any], defaults: Mapping[str, Any], flags: Sequence[str], partly: bool = False) -> Any:
    """The groups with their values; `partly` lets flags of other groups stand."""
    plain = [_plain(group) if _is_ours(group) else group for group in groups]
    try:
        parser = TrlParser(plain, prog="hf-selfdemo VERB", allow_abbrev=False, add_help=False, exit_on_error=False)
        parser.set_defaults_with_config(**{k: v for k, v in defaults.items() if not partly or v is not None})
        found = parser.parse_args_into_dataclasses(args=list(flags), return_remaining_strings=partly)
    except SystemExit:
        raise UserError("an option has a value of the wrong kind", "see the line above") from None
    except UserError:
        raise
    except Exception as error:  # argparse and the dataclasses' own checks raise many kinds
        raise UserError("a key or option cannot be used", str(error)) from None
    return [group(**vars(one)) if _is_ours(group) else one for group, one in zip(groups, found, strict=False)]


def _is_ours(group: Any) -> bool:
    """Whether a class of keys is made of `core.keys.key`."""
    return all("decides" in f.metadata for f in dataclasses.fields(group))


def _plain(group: Any) -> Any:
    """A class of keys as argparse takes it: nothing but help in the fields, and choices as texts, looked at later."""
    kinds = get_type_hints(group)
    fields = [
        (f.name, str if get_origin(kinds[f.name]) is Literal else kinds[f.name], f) for f in dataclasses.fields(group)
    ]
    return dataclasses.make_dataclass(group.__name__, [(name, kind, _helped(f)) for name, kind, f in fields])


def _helped(f: Any) -> Any:
    return dataclasses.field(
        default=f.default, default_factory=f.default_factory, metadata={"help": f.metadata["help"]}
    )


def _names(groups: Sequence[Any]) -> list[str]:
    return [f.name for group in groups for f in dataclasses.fields(group) if f.init]


def _check_known(key: str, groups: Sequence[Any], method: str, objective: str, what: str) -> None:
    """What belongs to another method or objective is only looked into, and imported, for a key that is not known."""
    known = _names(groups)
    if key in known or key.removeprefix("no_") in known:
        return
    plain = key.removeprefix("no_")
    for other in METHODS.keys() - {method}:
        if plain in _names(load("method", other, METHODS).keys):
            raise UserError(
                f"{what} belongs to method {other!r}, and method is {method!r}",
                f"leave it out, or set method: {other}",
            )
    for other in OBJECTIVES.keys() - {objective}:
        if plain in _names([load("objective", other, OBJECTIVES)]):
            raise UserError(
                f"{what} belongs to objective {other!r}, and objective is {objective!r}",
                f"leave it out, or set objective: {other}",
            )
    if plain == "strategy":
        raise UserError(f"unknown {what}", "write method: self_demo, ra_it or raft")
    raise UserError(f"unknown {what}", did_you_mean(key, known))
