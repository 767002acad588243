"""`hf-selfdemo schema`: the JSON Schema of a recipe, with which editors complete and check options."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from hf_selfdemo.core.console import show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import defaults
from hf_selfdemo.core.loading import load
from hf_selfdemo.core.ranges import LARGEST, Range, key_ranges, kinds_of
from hf_selfdemo.methods import METHODS
from hf_selfdemo.recipe.implied import First
from hf_selfdemo.recipe.keys import GROUPS, PACKAGE_DEFAULTS, default_objective
from hf_selfdemo.recipe.training_keys import OBJECTIVES, training_keys

Schema: TypeAlias = dict[str, Any]

USAGE = """\
usage: hf-selfdemo schema

Prints the JSON Schema (draft 2020-12) of a recipe, with which editors complete and check options. The recipes of the
package name it in their first line. For your own recipe, run `hf-selfdemo schema > schema.json` and write as first line
  # yaml-language-server: $schema=schema.json
"""

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", NoneType: "null"}


def run_schema(arguments: Sequence[str]) -> None:
    """Run the command `schema`: print the schema.

    Raises:
        UserError: if there are arguments.
    """
    if {"-h", "--help"} & set(arguments):
        show(USAGE.rstrip())
        return
    if arguments:
        raise UserError(f"schema takes no arguments, but got {' '.join(arguments)}", "write `hf-selfdemo schema`")
    show(json.dumps(recipe_schema(), indent=1, ensure_ascii=False))


def recipe_schema() -> Schema:
    """Make the JSON Schema of a recipe: each option with its type, default, help, range and choices.

    Options of a method are allowed only with that method, and options of an objective only with that objective.

    Example:
        >>> found = recipe_schema()["properties"]["window"]
        >>> found["type"], found["minimum"], found["default"], found["description"]
        ('integer', 1, 16, 'number of questions processed concurrently')
    """
    common = [*GROUPS, training_keys()["model"]]
    methods = {name: _properties(load("method", name, METHODS).keys) for name in METHODS}
    objectives = {name: _properties([training_keys()[name]]) for name in OBJECTIVES}
    keys = _properties(common) | _any_of(methods) | _any_of(objectives)
    named = keys["method"]
    keys["method"] = {"anyOf": [named | {"enum": list(METHODS)}, named | _OWN]}
    keys["objective"] = keys["objective"] | {"enum": list(OBJECTIVES)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Recipe of hf-selfdemo",
        "$comment": "Written by `hf-selfdemo schema`. TRL's options have the descriptions of TRL and transformers.",
        "type": "object",
        "properties": {name: keys[name] for name in sorted(keys)},
        "if": {
            "properties": {"method": _OWN},
            "required": ["method"],
        },  # the schema cannot know the options of the user's own method
        "else": {
            "properties": dict.fromkeys(sorted(keys), True),
            "additionalProperties": False,
            "allOf": [
                *_conditions(methods, {name: _is_method(name) for name in METHODS}),
                *_conditions(objectives, {name: _is_objective(name) for name in OBJECTIVES}),
            ],
        },
    }


_OWN: Schema = {"type": "string", "pattern": ":"}
"""The user's own method, as package.module:METHOD."""


def _properties(groups: Sequence[Any]) -> Schema:
    """The schema of each option of these classes."""
    return {name: value for group in groups for name, value in _of_class(group).items()}


def _of_class(group: Any) -> Schema:
    kinds, ranges, usual = get_type_hints(group), key_ranges(group), defaults(group) | PACKAGE_DEFAULTS
    return {
        f.name: _value(f.name, kinds_of(kinds[f.name]), ranges.get(f.name), "decides" in f.metadata)
        | {"default": usual[f.name], "description": f.metadata["help"].replace("%%", "%")}
        for f in dataclasses.fields(group)
        if f.init
    }


def _value(name: str, kinds: Sequence[Any], range: Range | None, ours: bool) -> Schema:
    """The schema of an option of these types. TRL accepts a string as a list of one; our own options do not."""
    limits = _limits(range) if range else {}
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    if name.endswith("_strategy") and (str in kinds or "no" in choices):
        kinds, choices = [*kinds, bool], choices and [*choices, False]  # YAML 1.1 reads `no` as false
    if choices:
        return {"enum": [*choices, None] if NoneType in kinds else choices}
    lists = [get_args(kind)[0] for kind in kinds if get_origin(kind) is list]
    types = [_TYPES[kind] for kind in kinds if kind in _TYPES]
    types += ["array"] * bool(lists) + ["string"] * (lists == [str] and not ours and str not in kinds)
    found: Schema = {"type": types[0] if len(types) == 1 else types}
    if lists:
        return found | {"items": {"type": _TYPES[lists[0]]} | limits}
    return found | limits


def _limits(range: Range) -> Schema:
    limits = {
        "minimum": max(range.least, -LARGEST) if range.above is None else None,
        "exclusiveMinimum": range.above,
        "maximum": min(range.most, LARGEST) if range.below is None else None,
        "exclusiveMaximum": range.below,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}


def _any_of(variants: Mapping[str, Schema]) -> Schema:
    """The schema of the options of all methods or objectives. Where they differ, any of their schemas is allowed."""
    found = {}
    for key in (key for own in variants.values() for key in own):
        allowed = _distinct(variants, key)
        found[key] = allowed[0] if len(allowed) == 1 else {"anyOf": allowed}
    return found


def _conditions(variants: Mapping[str, Schema], chosen: Mapping[str, Schema]) -> list[Schema]:
    """For each method or objective, the schema of the options that not all have or that differ."""
    return [
        {"if": chosen[name], "then": {"properties": narrowed}}
        for name, own in variants.items()
        if (
            narrowed := {
                key: own.get(key, False)
                for key in sorted({key for other in variants.values() for key in other})
                if key not in own or len(_distinct(variants, key)) > 1
            }
        )
    ]


def _distinct(variants: Mapping[str, Schema], key: str) -> list[Any]:
    found: list[Any] = []
    for own in variants.values():
        if key in own and own[key] not in found:
            found.append(own[key])
    return found


def _is_method(*names: str) -> Schema:
    """The condition that the method is one of these, or that none is named and the default is one of these."""
    named: Schema = {"properties": {"method": {"enum": list(names)}}}
    return named if First().method in names else named | {"required": ["method"]}


def _is_objective(name: str) -> Schema:
    """The condition that this is the objective, or that none is named and it is the method's first."""
    named = {"properties": {"objective": {"const": name}}, "required": ["objective"]}
    first = [method for method in METHODS if default_objective(load("method", method, METHODS)) == name]
    if not first:
        return named
    return {"anyOf": [named, {"not": {"required": ["objective"]}, **_is_method(*first)}]}
