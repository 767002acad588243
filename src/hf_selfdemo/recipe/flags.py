"""`--KEY VALUE` on the command line for classes of keys, in the manner of TRL's parser but without importing TRL."""

from __future__ import annotations

import dataclasses
from argparse import SUPPRESS, ArgumentDefaultsHelpFormatter, ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import defaults
from hf_selfdemo.core.ranges import kinds_of

_BOOLEAN = dict.fromkeys(("yes", "true", "t", "y", "1"), True) | dict.fromkeys(("no", "false", "f", "n", "0"), False)


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError("a key or option cannot be used", message)


def given_values(
    groups: Sequence[Any], given: Mapping[str, Any], flags: Sequence[str], partly: bool = False
) -> list[dict[str, Any]]:
    """What was given for each class of keys; keys that nobody gave are left out.

    Args:
        groups: the classes. A text for a number, or for true and false, is read as one, in a file too: YAML takes
            1e-4 for a text.
        given: keys as a recipe file has them.
        flags: of the command line, which win.
        partly: let flags of other classes stand.

    Raises:
        UserError: for a flag that no class has, or a text that cannot be read as what its key holds.

    Example:
        >>> from hf_selfdemo.recipe.config import RetrievalArguments
        >>> given_values([RetrievalArguments], {"train_twins": "3"}, ["--split-passages"])
        [{'split_passages': True, 'train_twins': 3}]
    """
    parser = _Parser(prog="hf-selfdemo VERB", allow_abbrev=False, add_help=False)
    for group in groups:
        _add(parser, group, given, SUPPRESS)
    parsed = parser.parse_known_args(flags)[0] if partly else parser.parse_args(flags)
    found = vars(parsed)
    return [{f.name: found[f.name] for f in dataclasses.fields(group) if f.name in found} for group in groups]


def help_text(titled: Mapping[str, tuple[Any, Sequence[str]]], given: Mapping[str, Any], verb: str = "VERB") -> str:
    """A line or two about every key.

    Args:
        titled: by its heading, a class of keys and those of them that stand below it.
        given: keys as a recipe file has them; they stand where else the defaults do.
        verb: the command.
    """
    told = [f"usage: hf-selfdemo {verb} [--config RECIPE.yaml] [--KEY VALUE ...]"]
    for title, (group, names) in titled.items():  # a parser for each: methods may have keys of the same name
        parser = _Parser(usage=SUPPRESS, formatter_class=ArgumentDefaultsHelpFormatter, add_help=False)
        _add(parser.add_argument_group(title), group, {**defaults(group), **given}, None, names)
        told.append(parser.format_help().strip("\n"))
    return "\n\n".join(told)


def _add(
    parser: Any, group: Any, values: Mapping[str, Any], otherwise: Any, names: Sequence[str] | None = None
) -> None:
    """Add flags for a class of keys, or for some of them, with these values where the command line has none."""
    kinds = get_type_hints(group)
    for f in (f for f in dataclasses.fields(group) if f.init and (names is None or f.name in names)):
        told, default = {"help": f.metadata.get("help"), "dest": f.name}, values.get(f.name, otherwise)
        parser.add_argument(*_spellings(f.name), **told, default=default, **_reading(kinds[f.name]))
        if f.default is True:
            parser.add_argument(*_spellings(f"no_{f.name}"), **told, default=SUPPRESS, action="store_false")


def _spellings(name: str) -> list[str]:
    return list(dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"]))


def _reading(hint: Any) -> dict[str, Any]:
    """How a text for a key of a kind is read; which texts are choices is looked at later, in a file's values too."""
    kinds = [kind for kind in kinds_of(hint) if kind is not NoneType]
    if bool in kinds:
        return {"nargs": "?", "const": True, "type": _boolean if len(kinds) == 1 else _boolean_or_text}
    if len(kinds) > 1:
        return {"type": str}
    if get_origin(kinds[0]) is list:
        return {"nargs": "+", "type": get_args(kinds[0])[0]}
    if get_origin(kinds[0]) is Literal:
        return {"type": str, "metavar": f"{{{','.join(map(str, get_args(kinds[0])))}}}"}
    return {"type": kinds[0] if kinds[0] in (int, float) else str}


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEAN:
        raise ArgumentTypeError(f"give true or false, not {text!r}")
    return _BOOLEAN[text.lower()]


def _boolean_or_text(text: str) -> bool | str:
    return _BOOLEAN.get(text.lower(), text)
