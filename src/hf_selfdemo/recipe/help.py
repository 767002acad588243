"""What `hf-selfdemo VERB --help` prints: every key under a heading, with its default or what the recipe says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, get_type_hints

from trl import TrlParser

from hf_selfdemo.core.console import show
from hf_selfdemo.core.secret_shapes import without_secrets
from hf_selfdemo.core.secrets import is_secret_name


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
    shared = set.intersection(*(set(_names(kind)) for kind in objectives.values()))
    told = [_titled(group, _heading(group)) for group in groups]
    told += [_titled(group, f"{name}: {_heading(group)}") for name, found in methods.items() for group in found]
    told.append(_titled(model, "The model and its LoRA, as in TRL"))
    heading = f"Training, as in TRL; defaults are those of objective {objective}"
    told.append(_titled(objectives[objective], heading, shared))
    for name, kind in objectives.items():
        told.append(_titled(kind, f"Training with objective {name} only", set(_names(kind)) - shared))
    parser = TrlParser(
        told, usage="hf-selfdemo VERB [--config RECIPE.yaml] [--KEY VALUE ...]", conflict_handler="resolve"
    )
    parser.set_defaults_with_config(**{k: "(not shown)" if _is_secret(k, v) else v for k, v in values.items()})
    show(without_secrets(parser.format_help().rstrip()))
    raise SystemExit(0)


def _heading(group: Any) -> str:
    return (group.__doc__ or "").partition("\n")[0].rstrip(".")


def _names(group: Any) -> list[str]:
    return [f.name for f in dataclasses.fields(group) if f.init]


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
    metadata = {name: value for name, value in f.metadata.items() if name not in ("decides", "range")}
    return dataclasses.field(default=f.default, default_factory=f.default_factory, metadata=metadata)
