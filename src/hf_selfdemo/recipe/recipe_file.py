"""Read the YAML file of a recipe, with limits on its size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean, did_you_mean_file
from hf_selfdemo.recipe.recipes import find_recipe, recipe_names

_LARGEST = 1 << 20
"""Maximum size of a recipe file in bytes. The recipes of the package have about a thousand."""

_MANY = 10_000
"""Maximum number of values in a recipe, counting those that aliases repeat."""


def read_yaml(path: str) -> dict[str, Any]:
    """Read the options of a recipe.

    Args:
        path: the path of a file, or a name that `recipe_names` lists.

    Raises:
        UserError: if the recipe cannot be read, sets no option, sets one twice, or has a value that no option takes.

    Example:
        >>> read_yaml("quickstart/self_demo")["output_dir"]
        'runs/quickstart'
    """
    text = _text(path)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        _refuse_many(path, node)
        repeated = _repeated(node)  # before merge keys are expanded
        config = loader.construct_document(node) if node else None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML ({_without_lines(error)})", "fix it") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply", "write one `option: value` per line") from None
    except ValueError as error:  # a date that does not exist, or a number with too many digits
        raise UserError(f"{path} contains a value that cannot be read ({error})", "put quotes around it") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} sets no options", "write one `option: value` per line")
    if repeated:
        raise UserError(f"{path} sets {repeated} more than once", "keep one of them")
    for key, value in config.items():
        if not isinstance(key, str):
            raise UserError(f"{path} sets the option {key!r}, which YAML does not read as text", "put quotes around it")
        for one in _inner(value):
            if not isinstance(one, str | int | float | None):
                what = f"{path}: {key} contains {one}, which YAML reads as a {type(one).__name__}"
                raise UserError(what, "put quotes around it")
    return config


def _text(path: str) -> str:
    try:
        with find_recipe(path).open("rb") as file:
            found = file.read(_LARGEST + 1)
        if len(found) > _LARGEST:
            raise UserError(f"{path} is too large for a recipe", "name the file of a recipe")
        return found.decode("utf-8-sig")
    except OSError as error:
        remedy = did_you_mean_file(
            path, f"check the path, or name a recipe of the package ({did_you_mean(path, recipe_names())})"
        )
        raise UserError(f"the recipe {path!r} cannot be read ({error.strerror})", remedy) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not in UTF-8 (byte {error.start + 1})", "save it in UTF-8") from None


def _inner(value: Any) -> Iterator[Any]:
    """The values inside lists and mappings, or the value itself."""
    if isinstance(value, dict):
        for pair in value.items():
            yield from _inner(list(pair))
    elif isinstance(value, list):
        for one in value:
            yield from _inner(one)
    else:
        yield value


def _refuse_many(path: str, root: Any) -> None:
    """Count the values before they are constructed, because nested aliases multiply them."""
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = _MANY + 1  # until it is known: a node that contains itself is infinite
            if isinstance(node, yaml.MappingNode):
                sizes[id(node)] = 1 + sum(size(key) + size(value) for key, value in node.value)
            else:
                sizes[id(node)] = 1 + (sum(map(size, node.value)) if isinstance(node, yaml.SequenceNode) else 0)
        return sizes[id(node)]

    if size(root) > _MANY:
        raise UserError(
            f"{path} contains more than {_MANY} values, counting those that aliases repeat", "use fewer aliases"
        )


def _without_lines(error: Any) -> str:
    """What is wrong and where, without the lines around it, which may contain a token."""
    mark = getattr(error, "problem_mark", None)
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{getattr(error, 'problem', None) or type(error).__name__}{where}"


def _repeated(node: Any) -> str:
    """The first option that a YAML mapping sets twice; "" if none. PyYAML itself silently uses the last."""
    seen = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in seen:
            return f"{key.value!r} (line {key.start_mark.line + 1})"
        seen.add(key.value)
    return ""
