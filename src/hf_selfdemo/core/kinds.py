"""Checks that values read from a file have the expected types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", NoneType: "null"}
_WORDS |= {dict: "an object", list: "a list"}


def mismatch(value: Any, kind: Any, key: str = "") -> str:
    """What is wrong with a value from JSON, and at which key; "" if it has the expected type.

    Args:
        value: a value from JSON.
        kind: the expected type: a type of JSON, `Any`, a union, a `Literal`, or a TypedDict or dataclass for an object
            with such keys. A tuple means a list, of any length or of so many items. Other keys of an object are
            ignored.
        key: the key of the value.

    Example:
        >>> mismatch({"calls": {"rag": "7"}}, dict[str, dict[str, int]])
        "calls.rag is '7', not a whole number"
        >>> mismatch({"calls": {"rag": 7}}, dict[str, dict[str, int]])
        ''
        >>> mismatch([["logprob", "high"]], tuple[tuple[str, float], ...])
        "[0][1] is 'high', not a number"
    """
    return next(_mismatches(value, kind, key), "")


def _mismatches(value: Any, kind: Any, key: str) -> Iterator[str]:
    plain, inner = get_origin(kind) or kind, get_args(kind)
    if plain is tuple and Ellipsis not in inner:
        yield from _parts(value, inner, key)
        return
    if plain is tuple:
        plain, inner = list, inner[:1]
    if plain in (Union, UnionType):
        if not any(mismatch(value, one) == "" for one in inner):
            yield mismatch(value, inner[0], key)
    elif plain is Literal:
        if value not in inner or isinstance(value, bool):
            yield _says(key, value, "one of " + ", ".join(map(str, inner)))
    elif is_typeddict(plain) or is_dataclass(plain):
        yield from _lacks(value, plain, key)
    elif plain is not Any and not _is(value, plain):
        yield _says(key, value, _WORDS[plain])
    elif plain is list and inner:
        for number, one in enumerate(value):
            yield from _mismatches(one, inner[0], f"{key}[{number}]")
    elif plain is dict and inner:
        for name, one in value.items():
            yield from _mismatches(one, inner[1], _below(key, name))


def _parts(value: Any, kinds: tuple[Any, ...], key: str) -> Iterator[str]:
    """What is wrong with a list of fixed length, whose items have different types."""
    if not isinstance(value, list) or len(value) != len(kinds):
        yield _says(key, value, f"a list of {len(kinds)}")
        return
    for number, (one, kind) in enumerate(zip(value, kinds, strict=True)):
        yield from _mismatches(one, kind, f"{key}[{number}]")


def _lacks(value: Any, kind: Any, key: str) -> Iterator[str]:
    """What is wrong with an object with known keys."""
    if not isinstance(value, Mapping):
        yield _says(key, value, _WORDS[dict])
        return
    known, required = _keys(kind)
    for name, inner in known.items():
        if name in value:
            yield from _mismatches(value[name], inner, _below(key, name))
        elif name in required:
            yield f"{_below(key, name)} is missing"


@lru_cache
def _keys(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    if is_typeddict(kind):  # with postponed annotations, __required_keys__ ignores NotRequired
        told = get_type_hints(kind, include_extras=True)
        optional = {name for name, hint in told.items() if get_origin(hint) is NotRequired}
        return get_type_hints(kind), kind.__required_keys__ - optional
    given = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
    return get_type_hints(kind), frozenset(given)


def _is(value: Any, plain: Any) -> bool:
    if isinstance(value, bool):
        return plain is bool
    return isinstance(value, (int, float) if plain is float else plain)


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _says(key: str, value: Any, wanted: str) -> str:
    shown = repr(value) if isinstance(value, str | int | float | None) else _WORDS.get(type(value), "something else")
    return f"{key or 'it'} is {shown[:60]}, not {wanted}"
