"""Options of a recipe as fields of dataclasses. Each field has a help text, what the option decides, and its range."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.kinds import mismatch
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.core.ranges import Range, kinds_of, number_keys

Decides = Literal["written", "kept", "weights", "replies", "nothing"]
"""What an option affects: which candidates are written, which of them are kept, the trained weights, or the evaluated
replies. "nothing" means that it affects only paths, speed and output."""


def key(default: Any, help: str, decides: Decides, range: Range | None = None) -> Any:
    """An option of a recipe, as a field of a dataclass.

    Args:
        default: the default value; a list is copied for each object.
        help: a line for `--help` and the recipe's schema.
        decides: what the option affects, so that a run is identified by the options that matter to it.
        range: the allowed values of a number.

    Example:
        >>> @dataclasses.dataclass
        ... class Keys:
        ...     window: int = key(16, "questions in flight", "nothing")
        >>> Keys().window, deciding(Keys(), "written")
        (16, {})
    """
    metadata = {"help": help, "decides": decides} | ({"range": range} if range else {})
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def deciding(group: Any, *decides: Decides) -> dict[str, Any]:
    """The options of a group that affect one of these things, with their values.

    Args:
        group: a dataclass of options.
        decides: what the options affect.
    """
    return {f.name: getattr(group, f.name) for f in dataclasses.fields(group) if f.metadata["decides"] in decides}


def defaults(*groups: Any) -> dict[str, Any]:
    """The default of every option of these dataclasses, ours or a library's.

    Example:
        >>> @dataclasses.dataclass
        ... class Keys:
        ...     names: list[str] = key([], "of columns", "replies")
        >>> defaults(Keys)
        {'names': []}
    """
    found: dict[str, Any] = {}
    for f in (f for group in groups for f in dataclasses.fields(group)):
        if f.default_factory is not dataclasses.MISSING:
            found[f.name] = f.default_factory()
        elif f.default is not dataclasses.MISSING:
            found[f.name] = f.default
    return found


def check_kinds(group: Any) -> None:
    """Check the type of every value, since a file may contain anything, such as a name instead of a list.

    Numbers are checked with their ranges (`ranges.check_keys`).

    Args:
        group: a dataclass of options.

    Raises:
        UserError: naming the first option whose value has a wrong type or is not one of its choices.

    Example:
        >>> @dataclasses.dataclass
        ... class Keys:
        ...     pick: Literal["best", "first"] = key("best", "which one", "kept")
        >>> check_kinds(Keys("frist"))
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: pick is 'frist': did you mean 'first'?
    """
    check_choices(group)
    numbers = number_keys(type(group))
    for name, kind in get_type_hints(type(group)).items():
        value = getattr(group, name)
        if name in numbers or not mismatch(value, kind):
            continue
        known = kind if kind in _KINDS else get_args(kind)[0]  # of an optional value, the type that is not None
        wanted = f"a list, [{value}]" if known == list[str] and isinstance(value, str) else _KINDS[known]
        raise UserError(f"{name} is {value!r}", f"give {wanted}")


def check_choices(group: Any) -> None:
    """Check every value that must be one of a few choices.

    Args:
        group: a dataclass of options.

    Raises:
        UserError: naming the first option with another value, and the nearest choice.
    """
    for name, kind in get_type_hints(type(group)).items():
        choices = [choice for one in kinds_of(kind) if get_origin(one) is Literal for choice in get_args(one)]
        if choices and mismatch(value := getattr(group, name), kind):
            raise UserError(f"{name} is {value!r}", did_you_mean(str(value), choices))


_KINDS: dict[Any, str] = {
    bool: "true or false",
    str: "a text",
    list[str]: "a list of texts",
}
