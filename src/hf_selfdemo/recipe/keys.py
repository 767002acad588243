"""Keys and flags to a recipe: which are known, what kind each wants, and which follow from others.

Everything is flat: our own groups, TRL's `ModelConfig`, and the training configuration of the objective, which must
therefore be known first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from trl import ModelConfig, TrlParser

from hf_selfdemo.core.console import show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean, load
from hf_selfdemo.core.ranges import check_keys, number_keys
from hf_selfdemo.core.secret_shapes import without_secrets
from hf_selfdemo.core.secrets import is_secret_name
from hf_selfdemo.recipe import config as keys
from hf_selfdemo.recipe.recipe import Recipe

OBJECTIVES = {
    "sft": "hf_selfdemo.training.sft:SelfDemoConfig",
    "dpo": "hf_selfdemo.training.dpo:SelfDemoDPOConfig",
}
"""The training configuration of each objective. They share most of their keys."""

_GROUPS: tuple[Any, ...] = (
    keys.DataArguments,
    keys.RetrievalArguments,
    keys.EngineArguments,
    keys.PromptSearchArguments,
    keys.DemonstrateArguments,
    keys.JudgeArguments,
    keys.TrainArguments,
    keys.PlanArguments,
    keys.EvaluateArguments,
    keys.AbilityArguments,
    keys.ExportArguments,
    keys.AppArguments,
    keys.PushArguments,
    ModelConfig,
)
"""In the order of `Recipe`."""

_PACKAGE_DEFAULTS: dict[str, Any] = {"use_peft": True, "lora_target_modules": "all-linear"}
"""Where this package differs from TRL's `ModelConfig`: LoRA on every linear layer unless asked otherwise."""

_BEST = {"rag": "f_score", "closed_book": "closed_book_f_score"}
"""The figure that tells the best checkpoint, unless another is asked for: of the first of these modes that is asked."""


def make_recipe(config: dict[str, Any], flags: Sequence[str] = ()) -> Recipe:
    """A `Recipe` from keys and the command line's flags, which win.

    Args:
        config: keys as a recipe file has them; `output_dir` must be among them or the flags.
        flags: `--KEY VALUE` or `--KEY=VALUE`.

    Raises:
        UserError: for an unknown key or flag (naming the near match), one of another objective, a value of the wrong
            kind or out of range, or keys that contradict each other.
    """
    config = {k: "no" if v is False and k.endswith("_strategy") else v for k, v in config.items()}  # YAML reads `no` so
    given = {f[2:].partition("=")[0].replace("-", "_"): f for f in flags if f.startswith("--")}
    first = _parsed([_First], config, flags, partly=True)[0]
    check_keys(first)
    training = load("objective", first.objective, OBJECTIVES)
    if "--help" in flags or "-h" in flags:
        _print_help(first.objective, _PACKAGE_DEFAULTS | config)
    for key in config:
        _check_known(key, first.objective, f"recipe key {key!r}")
    for key in given:
        _check_known(key, first.objective, f"option --{key}")
    if "greater_is_better" in {*config, *given}:
        raise UserError("greater_is_better follows from metric_for_best_model", "leave it out")
    if "output_dir" not in {*config, *given}:
        raise UserError("output_dir is not set", "add it to the recipe or give --output_dir runs/NAME")
    implied = implied_keys(first)
    parsed = _parsed([*_GROUPS, training], _PACKAGE_DEFAULTS | implied | config, flags)
    for group in parsed:
        if type(group).__module__ == keys.__name__:
            _check_kinds(group)
        check_keys(group)
    recipe = Recipe(*parsed)
    _embedded_if_none_named(recipe.data, {*config, *given})
    recipe.implied = implied
    return recipe


def _embedded_if_none_named(data: keys.DataArguments, named: set[str]) -> None:
    """Who names no source gets the embedded ones; beside one of their own they would be there unasked."""
    sources = {key: getattr(data, key) for key in keys.SOURCES}
    if all(source in ("", None, [], "embedded", ["embedded"]) for source in sources.values()):
        for key in keys.SOURCES - named - keys.DEV_SOURCES:
            setattr(data, key, "embedded" if isinstance(sources[key], str) else ["embedded"])


@dataclass
class _First:
    """What must be known before the rest can be read; None and the like for what is not given."""

    objective: str = "sft"
    dev_questions: list[str] = field(default_factory=list)
    held_out_share: float = 0.0
    dev_modes: list[str] = field(default_factory=lambda: ["rag"])
    eval_strategy: str | None = None
    eval_steps: float | None = None
    save_strategy: str | None = None
    save_steps: float | None = None
    load_best_model_at_end: bool = False
    metric_for_best_model: str | None = None
    early_stopping_patience: int = 0

    @property
    def has_dev(self) -> bool:
        """Whether there are dev questions."""
        return bool(self.dev_questions) or self.held_out_share > 0


def implied_keys(given: _First) -> dict[str, Any]:
    """Keys about evaluation while training that nobody gave and that follow from those that were given.

    Raises:
        UserError: for keys that contradict each other.

    Example:
        >>> implied_keys(_First(dev_questions=["embedded"]))
        {'eval_strategy': 'epoch', 'metric_for_best_model': 'f_score'}
    """
    strategy = given.eval_strategy or ("epoch" if given.has_dev else "no")
    best = given.load_best_model_at_end or given.early_stopping_patience > 0  # who waits for better wants the best
    if strategy == "no" or not given.has_dev:
        _refuse_blind(given, strategy, best)
        return {}
    figure = next((_BEST[mode] for mode in _BEST if mode in given.dev_modes), None)
    follow: dict[str, Any] = {"eval_strategy": strategy, "metric_for_best_model": figure}
    if best:
        follow |= {"load_best_model_at_end": True} | _saving(given, strategy)
    return {key: value for key, value in follow.items() if not getattr(given, key)}


def _refuse_blind(given: _First, strategy: str, best: bool) -> None:
    """Without an evaluation no checkpoint is the best, and without dev questions there is nothing to evaluate on."""
    wanting = {
        "eval_strategy": strategy != "no",
        "early_stopping_patience": given.early_stopping_patience,
        "load_best_model_at_end": best,
        "metric_for_best_model": given.metric_for_best_model,
    }
    for key in (key for key, wanted in wanting.items() if wanted):
        value = getattr(given, key)
        if given.has_dev:
            raise UserError(f"{key} is {value!r} and eval_strategy is 'no'", "leave one of them out")
        raise UserError(f"{key} is {value!r} and there are no dev_questions", "give them, or leave it out")


def _saving(given: _First, strategy: str) -> dict[str, Any]:
    """When to save, so that the best model was saved whenever it was found to be the best."""
    if given.save_strategy not in (None, "best", strategy):
        raise UserError(
            f"load_best_model_at_end is set, eval_strategy is {strategy!r} and save_strategy {given.save_strategy!r}",
            f"leave save_strategy out, or set it to {strategy!r}",
        )
    if strategy != "steps" or given.save_strategy == "best":
        return {"save_strategy": strategy}
    if given.eval_steps is None:
        raise UserError("eval_strategy is 'steps' and eval_steps is not set", "say how many steps lie between")
    return {"save_strategy": strategy, "save_steps": given.eval_steps}


def _parsed(groups: Sequence[Any], defaults: dict[str, Any], flags: Sequence[str], partly: bool = False) -> Any:
    """The groups with their values; `partly` lets flags of other groups stand."""
    try:
        parser = TrlParser(groups, prog="hf-selfdemo VERB", allow_abbrev=False, add_help=False, exit_on_error=False)
        parser.set_defaults_with_config(**{k: v for k, v in defaults.items() if not partly or v is not None})
        return parser.parse_args_into_dataclasses(args=list(flags), return_remaining_strings=partly)
    except SystemExit:
        raise UserError("an option has a value of the wrong kind", "see the line above") from None
    except UserError:
        raise
    except Exception as error:  # argparse and the dataclasses' own checks raise many kinds
        raise UserError("a key or option cannot be used", str(error)) from None


def _names(groups: Sequence[Any]) -> list[str]:
    return [f.name for group in groups for f in dataclasses.fields(group) if f.init]


def _check_known(key: str, objective: str, what: str) -> None:
    """The other objective's configuration is only looked into, and imported, for a key that this one has not."""
    known = _names([*_GROUPS, load("objective", objective, OBJECTIVES)])
    plain = key.removeprefix("no_") if key not in known else key
    if plain in known:
        return
    for other in OBJECTIVES.keys() - {objective}:
        if plain in _names([load("objective", other, OBJECTIVES)]):
            raise UserError(
                f"{what} belongs to objective {other!r}, and objective is {objective!r}",
                f"leave it out, or set objective: {other}",
            )
    raise UserError(f"unknown {what}", did_you_mean(key, known))


def _check_kinds(group: Any) -> None:
    """The parser converts texts but takes whatever else a file holds, such as one name where a list is meant.

    Numbers are looked at with their ranges.
    """
    numbers = number_keys(type(group))
    for name, kind in get_type_hints(type(group)).items():
        value = getattr(group, name)
        if name not in numbers and not _is_a(value, kind):
            wanted = _KINDS[kind if kind in _KINDS else get_args(kind)[0]]  # what may be None wants its first kind
            raise UserError(f"the recipe's {name} is {value!r}", f"give {wanted}")


_KINDS: dict[Any, str] = {
    bool: "true or false",
    str: "a text",
    list[str]: "a list of texts",
}


def _is_a(value: Any, kind: Any) -> bool:
    if get_origin(kind) is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if get_args(kind):
        return any(_is_a(value, one) for one in get_args(kind))
    return isinstance(value, kind)


def _print_help(objective: str, defaults: dict[str, Any]) -> None:
    """Every key under a heading, with its default or what the recipe says; ends the program, as `--help` does."""
    kinds = {name: load("objective", name, OBJECTIVES) for name in OBJECTIVES}
    shared = set.intersection(*(set(_names([kind])) for kind in kinds.values()))
    groups = [_titled(group, (group.__doc__ or "").partition("\n")[0].rstrip(".")) for group in _GROUPS[:-1]]
    groups.append(_titled(ModelConfig, "The model and its LoRA, as in TRL"))
    groups.append(
        _titled(kinds[objective], f"Training, as in TRL; defaults are those of objective {objective}", shared)
    )
    for name, kind in kinds.items():
        groups.append(_titled(kind, f"Training with objective {name} only", set(_names([kind])) - shared))
    parser = TrlParser(groups, usage="hf-selfdemo VERB [--config RECIPE.yaml] [--KEY VALUE ...]")
    told = {key: "(not shown)" if _is_secret(key, value) else value for key, value in defaults.items()}
    parser.set_defaults_with_config(**told)
    show(without_secrets(parser.format_help().rstrip()))
    raise SystemExit(0)


def _is_secret(key: str, value: Any) -> bool:
    return isinstance(value, str) and bool(value) and is_secret_name(key)


def _titled(group: Any, title: str, only: set[str] | None = None) -> Any:
    """A group of keys, or some of them, as the parser wants it to print them under a heading."""
    kinds = get_type_hints(group)
    fields = [f for f in dataclasses.fields(group) if f.init and (only is None or f.name in only)]
    made: Any = dataclasses.make_dataclass("Keys", [(f.name, kinds[f.name], _copy(f)) for f in fields], kw_only=True)
    made._argument_group_name = title
    return made


def _copy(f: Any) -> Any:
    return field(default=f.default, default_factory=f.default_factory, metadata=f.metadata)
