"""A recipe's file: YAML as flat as recipes are, read within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean, did_you_mean_file
from hf_selfdemo.recipe.recipes import find_recipe, recipe_names

_LARGEST = 1 << 20
"""Bytes of a recipe; the package's own have about a thousand."""

_MANY = 10_000
"""Values in a recipe, with those that aliases repeat."""


def read_yaml(path: str) -> dict[str, Any]:
    """The keys of a recipe: of the file, or else of the package's recipe of that name.

    Args:
        path: of the file, or a name that `recipe_names` lists.

    Raises:
        UserError: if it cannot be read, holds no keys, one of them twice, or something that no key takes.

    Example:
        >>> read_yaml("quickstart/self_demo")["output_dir"]
        'runs/quickstart'
    """
    text = _text(path)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        _refuse_many(path, node)
        repeated = _repeated(node)  # before merge keys are replaced by what they bring
        config = loader.construct_document(node) if node else None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML ({_without_lines(error)})", "fix it") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply", "write one `key: value` a line") from None
    except ValueError as error:  # a date that the calendar has not, a number of too many digits
        raise UserError(f"{path} holds a value that cannot be read ({error})", "put quotes around it") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} holds no keys", "write one `key: value` a line")
    if repeated:
        raise UserError(f"{path} gives {repeated} more than once", "keep one of them")
    for key, value in config.items():
        if not isinstance(key, str):
            raise UserError(f"{path} has the key {key!r}, which YAML does not read as a text", "put quotes around it")
        for one in _inner(value):
            if not isinstance(one, str | int | float | None):
                what = f"{path}: {key} holds {one}, which YAML reads as a {type(one).__name__}"
                raise UserError(what, "put quotes around it")
    return config


def _text(path: str) -> str:
    try:
        with find_recipe(path).open("rb") as file:
            found = file.read(_LARGEST + 1)
        if len(found) > _LARGEST:
            raise UserError(f"{path} is larger than any recipe", "name a recipe's file")
        return found.decode("utf-8-sig")
    except OSError as error:
        remedy = did_you_mean_file(
            path, f"check the path, or name a recipe of the package ({did_you_mean(path, recipe_names())})"
        )
        raise UserError(f"the recipe {path!r} cannot be read ({error.strerror})", remedy) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not in UTF-8 (byte {error.start + 1})", "save it in UTF-8") from None


def _inner(value: Any) -> Iterator[Any]:
    """What is in lists and mappings, or the value itself."""
    if isinstance(value, dict):
        for pair in value.items():
            yield from _inner(list(pair))
    elif isinstance(value, list):
        for one in value:
            yield from _inner(one)
    else:
        yield value


def _refuse_many(path: str, root: Any) -> None:
    """An alias stands for all that it names, and aliases of aliases multiply: count before anything is made of them."""
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = _MANY + 1  # until it is known: who holds itself has no end
            if isinstance(node, yaml.MappingNode):
                sizes[id(node)] = 1 + sum(size(key) + size(value) for key, value in node.value)
            else:
                sizes[id(node)] = 1 + (sum(map(size, node.value)) if isinstance(node, yaml.SequenceNode) else 0)
        return sizes[id(node)]

    if size(root) > _MANY:
        raise UserError(f"{path} holds more than {_MANY} values, with those that aliases repeat", "write them out")


def _without_lines(error: Any) -> str:
    """What is wrong and where, but none of the lines around it: a token may stand in them."""
    mark = getattr(error, "problem_mark", None)
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{getattr(error, 'problem', None) or type(error).__name__}{where}"


def _repeated(node: Any) -> str:
    """The first key that a YAML mapping gives more than once; "" if none. PyYAML lets the last one win unasked."""
    seen = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in seen:
            return f"{key.value!r} (line {key.start_mark.line + 1})"
        seen.add(key.value)
    return ""
