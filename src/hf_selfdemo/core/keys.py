"""Keys of a recipe as fields of dataclasses: each says in its own field what it is for, what it decides, its range."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.kinds import mismatch
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.core.ranges import Range, kinds_of, number_keys

Decides = Literal["written", "kept", "weights", "replies", "nothing"]
"""What a key decides: which candidates are written, which of them are kept, the trained weights, the replies that are
evaluated, or nothing but where, how fast and what is told."""


def key(default: Any, help: str, decides: Decides, range: Range | None = None) -> Any:
    """A key of a recipe, as a field of a dataclass.

    Args:
        default: its value where nobody gives one; a list is copied for each object.
        help: a line for `--help` and the recipe's schema.
        decides: what it decides, so that a run is known by the keys that matter to it.
        range: the numbers that it may be, where it is one.

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
    """The keys of a group that decide one of these things, with their values.

    Args:
        group: a dataclass of keys.
        decides: what they are to decide.
    """
    return {f.name: getattr(group, f.name) for f in dataclasses.fields(group) if f.metadata["decides"] in decides}


def defaults(*groups: Any) -> dict[str, Any]:
    """The default of every key of these classes of keys, be they ours or a library's.

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
    """Look at the kind of every value: a file may hold anything, such as one name where a list is meant.

    Numbers are looked at with their ranges.

    Args:
        group: a dataclass of keys.

    Raises:
        UserError: naming the first key whose value is of another kind, or is none of its choices.

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
        wanted = _KINDS[kind if kind in _KINDS else get_args(kind)[0]]  # what may be None wants its first kind
        raise UserError(f"{name} is {value!r}", f"give {wanted}")


def check_choices(group: Any) -> None:
    """Look at every value that is to be one of a few.

    Args:
        group: a dataclass of keys.

    Raises:
        UserError: naming the first key whose value is none of them, with the nearest.
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
