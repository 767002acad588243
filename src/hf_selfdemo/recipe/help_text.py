"""The lines of `--help` about classes of options."""

from __future__ import annotations

import dataclasses
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hf_selfdemo.core.ranges import kinds_of

_LONGEST = 40
"""Characters of choices that stand beside an option. Longer lists of choices stand in its text."""

_METAVARS = {bool: "true|false", int: "INT", float: "FLOAT"}


def help_text(
    titled: Mapping[str, tuple[Any, Sequence[str]]], values: Mapping[str, Any], command: str = "COMMAND"
) -> str:
    """The usage line, and below each heading the options with what they take, what they do and their default.

    Args:
        titled: for each heading, a class of options and the names of those to list.
        values: values that replace the defaults of the classes, such as those of a recipe file.
        command: the command, for the usage line.
    """
    parts = [f"usage: hf-selfdemo {command} [--config RECIPE.yaml] [--OPTION VALUE ...]"]
    for title, (group, names) in titled.items():  # a parser for each: methods may have options of the same name
        parser = ArgumentParser(usage=SUPPRESS, add_help=False)
        section, kinds = parser.add_argument_group(title), get_type_hints(group)
        for f in (f for f in dataclasses.fields(group) if f.name in names):
            section.add_argument(f"--{f.name}", **_listed(f, kinds[f.name], values))
        parts.append(parser.format_help().strip("\n"))
    return "\n\n".join(parts)


def _listed(f: dataclasses.Field[Any], hint: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What argparse shows for an option."""
    kinds = [kind for kind in kinds_of(hint) if kind is not NoneType]
    kind = kinds[0] if len(kinds) == 1 else str
    repeated = get_origin(kind) is list
    kind = get_args(kind)[0] if repeated else kind
    choices = list(map(str, get_args(kind))) if get_origin(kind) is Literal else []
    metavar, about = _METAVARS.get(kind, "TEXT"), f.metadata["help"]
    if choices and len("|".join(choices)) <= _LONGEST:
        metavar = "|".join(choices)
    elif not all(choice in about for choice in choices):
        about = f"{about.rstrip('.')}. One of {', '.join(choices)}"
    return {"help": about + _default(f, values), "metavar": metavar, "nargs": "+" if repeated else None}


def _default(f: dataclasses.Field[Any], values: Mapping[str, Any]) -> str:
    """The default in brackets, unless it is empty or the text of the option tells it."""
    usual = f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default
    value = values.get(f.name, usual)
    told = value == usual and "default:" in f.metadata["help"].lower()
    if told or value in ("", None, [], {}, dataclasses.MISSING):
        return ""
    if isinstance(value, list):
        shown = " ".join(map(str, value))
    else:
        shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f" (default: {shown})".replace("%", "%%")
