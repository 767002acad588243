"""What `hf-selfdemo VERB --help` prints: every key under a heading, with its default or what the recipe says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from hf_selfdemo.core.console import show
from hf_selfdemo.core.secret_shapes import without_secrets
from hf_selfdemo.core.secrets import is_secret_name
from hf_selfdemo.recipe.flags import help_text


def show_help(
    groups: Sequence[Any],
    methods: Mapping[str, Sequence[Any]],
    model: Any,
    objectives: Mapping[str, Any],
    objective: str,
    values: Mapping[str, Any],
) -> NoReturn:
    """Print every key; ends the program, as `--help` does.

    Args:
        groups: classes of keys that every recipe knows; their docstrings are the headings.
        methods: classes of keys by the heading of their method.
        model: the class of the model's keys.
        objectives: the training configuration of each objective, by its name.
        objective: the recipe's.
        values: what the recipe says.
    """
    shared = set.intersection(*(set(key_names([kind])) for kind in objectives.values()))
    told = {_heading(group): (group, key_names([group])) for group in groups}
    told |= {f"{name}: {_heading(one)}": (one, key_names([one])) for name, found in methods.items() for one in found}
    told["The model and its LoRA, as in TRL"] = model, key_names([model])
    told[f"Training, as in TRL; defaults are those of objective {objective}"] = objectives[objective], sorted(shared)
    for name, kind in objectives.items():
        told[f"Training with objective {name} only"] = kind, sorted(set(key_names([kind])) - shared)
    shown = {key: "(not shown)" if _is_secret(key, value) else value for key, value in values.items()}
    show(without_secrets(help_text(told, shown).rstrip()))
    raise SystemExit(0)


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
