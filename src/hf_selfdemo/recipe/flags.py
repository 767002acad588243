"""`--OPTION VALUE` on the command line for dataclasses of options, like TRL's parser but without importing TRL."""

from __future__ import annotations

import dataclasses
import re
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import kinds_of

_BOOLEAN = dict.fromkeys(("yes", "true", "t", "y", "1"), True) | dict.fromkeys(("no", "false", "f", "n", "0"), False)

_DASHED = re.compile(r"(?<=^--)[A-Za-z][\w-]*")
"""The name of an option, whose dashes are read as underscores."""


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError("an option cannot be used", message)


def given_values(
    groups: Sequence[Any], given: Mapping[str, Any], flags: Sequence[str], partly: bool = False
) -> list[dict[str, Any]]:
    """Parse the options that were given, for each class of options. Options that were not given are left out.

    Args:
        groups: the classes. A string for a number or a boolean is converted, also if it comes from a file: YAML reads
            1e-4 as a string.
        given: options as a recipe file has them.
        flags: options of the command line, which override the file. `--a-b` means `--a_b`.
        partly: ignore flags that belong to other classes.

    Raises:
        UserError: for a flag that no class has, or a value that cannot be converted to the type of its option.

    Example:
        >>> from hf_selfdemo.recipe.config import RetrievalArguments
        >>> given_values([RetrievalArguments], {"train_twins": "3"}, ["--split-passages"])
        [{'split_passages': True, 'train_twins': 3}]
    """
    parser = _Parser(prog="hf-selfdemo COMMAND", allow_abbrev=False, add_help=False)
    for group in groups:
        _add_options(parser, group, given)
    flags = [_DASHED.sub(lambda name: name[0].replace("-", "_"), flag) for flag in flags]
    parsed = parser.parse_known_args(flags)[0] if partly else parser.parse_args(flags)
    found = vars(parsed)
    return [{f.name: found[f.name] for f in dataclasses.fields(group) if f.name in found} for group in groups]


def _add_options(parser: _Parser, group: Any, given: Mapping[str, Any]) -> None:
    kinds = get_type_hints(group)
    for f in (f for f in dataclasses.fields(group) if f.init):
        parser.add_argument(f"--{f.name}", default=given.get(f.name, SUPPRESS), **_reading(kinds[f.name]))
        if f.default is True:
            parser.add_argument(f"--no_{f.name}", dest=f.name, default=SUPPRESS, action="store_false")


def _reading(hint: Any) -> dict[str, Any]:
    """How argparse converts the text of an option. Choices are checked later, together with the values of a file."""
    kinds = [kind for kind in kinds_of(hint) if kind is not NoneType]
    if bool in kinds:
        return {"nargs": "?", "const": True, "type": _boolean if len(kinds) == 1 else _boolean_or_text}
    if len(kinds) > 1:
        return {"type": str}
    if get_origin(kinds[0]) is list:
        return {"nargs": "+", "type": get_args(kinds[0])[0]}
    return {"type": kinds[0] if kinds[0] in (int, float) else str}


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEAN:
        raise ArgumentTypeError(f"give true or false, not {text!r}")
    return _BOOLEAN[text.lower()]


def _boolean_or_text(text: str) -> bool | str:
    return _BOOLEAN.get(text.lower(), text)
