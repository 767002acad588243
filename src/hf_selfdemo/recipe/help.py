"""What `hf-selfdemo VERB --help` prints: the keys of a command, with their defaults or what the recipe says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from hf_selfdemo.core.console import show
from hf_selfdemo.core.secret_shapes import without_secrets
from hf_selfdemo.core.secrets import is_secret_name
from hf_selfdemo.recipe.flags import help_text
from hf_selfdemo.recipe.own_keys import READS, Reads


def show_help(
    verb: str,
    groups: Sequence[Any],
    methods: Mapping[str, Sequence[Any]],
    method: str,
    model: Any,
    objectives: Mapping[str, Any],
    objective: str,
    values: Mapping[str, Any],
) -> NoReturn:
    """Print the keys of a command, or every key; ends the program, as `--help` does.

    Args:
        verb: the command, whose own keys are shown; "" for every key of every method and objective.
        groups: classes of keys that every recipe knows; their docstrings are the headings.
        methods: classes of keys by the name of their method.
        method: the recipe's.
        model: the class of the model's keys.
        objectives: the training configuration of each objective, by its name.
        objective: the recipe's.
        values: what the recipe says.
    """
    if verb:
        told = _own(READS[verb], groups, methods, method, model, objectives, objective)
    else:
        told = _every(groups, methods, model, objectives, objective)
    shown = {key: "(not shown)" if _is_secret(key, value) else value for key, value in values.items()}
    text = without_secrets(help_text(told, shown, verb or "VERB").rstrip())
    show(text + (_others(verb, READS[verb], method, objective) if verb else ""))
    raise SystemExit(0)


def _others(verb: str, reads: Reads, method: str, objective: str) -> str:
    """How to see the options that depend on the method and the objective."""
    chosen = {"method": method} if reads.method else {}
    chosen |= {"objective": objective} if reads.trains else {}
    if not chosen:
        return ""
    shown = " and ".join(f"{key} {name}" for key, name in chosen.items())
    flags = " ".join(f"--{key} NAME" for key in chosen)
    return f"\n\nShown for {shown}. For another: hf-selfdemo {verb} {flags} --help"


_Titled = dict[str, tuple[Any, Sequence[str]]]


def _own(
    reads: Reads,
    groups: Sequence[Any],
    methods: Mapping[str, Sequence[Any]],
    method: str,
    model: Any,
    objectives: Mapping[str, Any],
    objective: str,
) -> _Titled:
    """The keys that a command reads, by heading."""
    training = objectives[objective]
    told: _Titled = {_heading(group): (group, reads.of_group(group)) for group in groups}
    told |= {f"Method {method}: {_heading(one)}": (one, reads.of_method(one)) for one in methods[method]}
    told["The model and its LoRA, as in TRL" if reads.trains else "The model"] = model, reads.of_model(model)
    heading = f"Training, as in TRL, with objective {objective}" if reads.trains else "The run"
    told[heading] = training, reads.of_training(training)
    return {heading: (group, names) for heading, (group, names) in told.items() if names}


def _every(
    groups: Sequence[Any],
    methods: Mapping[str, Sequence[Any]],
    model: Any,
    objectives: Mapping[str, Any],
    objective: str,
) -> _Titled:
    """All keys, by heading."""
    shared = set.intersection(*(set(key_names([kind])) for kind in objectives.values()))
    told: _Titled = {_heading(group): (group, key_names([group])) for group in groups}
    for name, found in methods.items():
        told |= {f"Method {name}: {_heading(one)}": (one, key_names([one])) for one in found}
    told["The model and its LoRA, as in TRL"] = model, key_names([model])
    told[f"Training, as in TRL; defaults are those of objective {objective}"] = objectives[objective], sorted(shared)
    for name, kind in objectives.items():
        told[f"Training with objective {name} only"] = kind, sorted(set(key_names([kind])) - shared)
    return told


def key_names(groups: Sequence[Any]) -> list[str]:
    """The keys of these classes of keys.

    Example:
        >>> from hf_selfdemo.recipe.config import ExportArguments
        >>> key_names([ExportArguments])
        ['export_to']
    """
    return [f.name for group in groups for f in dataclasses.fields(group) if f.init]


def _heading(group: Any) -> str:
    return (group.__doc__ or "").partition("\n")[0].rstrip(".")


def _is_secret(key: str, value: Any) -> bool:
    return isinstance(value, str) and bool(value) and is_secret_name(key)
