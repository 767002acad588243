"""Finds implementations by name in a table ``{"name": "module:Class"}``. They are imported only when they are used."""

from __future__ import annotations

import difflib
import importlib
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from hf_selfdemo.core.errors import UserError, reason
from hf_selfdemo.core.manifest import file_hash


def load(kind: str, name: str, table: dict[str, str]) -> Any:
    """Import and return the class that `table` lists under `name`.

    Args:
        kind: what is searched, for the error message ("strategy", "retriever").
        name: the name that the user gave.
        table: the table of the folder.

    Raises:
        UserError: if the name is not in the table. The message names the nearest match.

    Example:
        >>> load("number", "fraction", {"fraction": "fractions:Fraction"}).__name__
        'Fraction'
    """
    if name not in table:
        raise UserError(f"unknown {kind} {name!r}", did_you_mean(name, list(table)))
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def load_own(kind: str, path: str) -> Any:
    """Import and return an attribute of the user's own module or package, given as `module:attribute`.

    Args:
        kind: what is searched, for the error message.
        path: the path of the attribute.

    Raises:
        UserError: if it cannot be imported, whatever error its module raises.

    Example:
        >>> load_own("number", "fractions:Fraction").__name__
        'Fraction'
    """
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # the user's code may raise anything
        remedy = "write module:attribute, where the module is installed or on PYTHONPATH"
        raise UserError(f"the {kind} {path!r} cannot be imported ({reason(error)})", remedy) from error


def made_own(kind: str, path: str) -> Any:
    """Import with `load_own` and call the result, such as a class, without arguments.

    Args:
        kind: what is searched, for the error message.
        path: the path, as `load_own` takes it.

    Raises:
        UserError: if it cannot be imported, or raises an error when it is called.

    Example:
        >>> made_own("number", "fractions:Fraction")
        Fraction(0, 1)
    """
    make = load_own(kind, path)
    try:
        return make()
    except Exception as error:  # the user's code may raise anything
        remedy = "give a class, or a function that returns an object, that needs no arguments"
        raise UserError(f"the {kind} {path!r} cannot be created ({reason(error)})", remedy) from error


def own_version(path: str) -> str:
    """A hash of the file of the user's own implementation. If the file changes, it counts as another implementation.

    Args:
        path: the path, as `load_own` takes it.

    Returns:
        The hash, or "" for a module without a file, such as one built into Python.
    """
    file = getattr(importlib.import_module(path.partition(":")[0]), "__file__", None)
    return file_hash(Path(file)) if file else ""


def did_you_mean(word: str, known: list[str]) -> str:
    """The remedy for a misspelt word: the most similar known word, or else all known words if there are few.

    Example:
        >>> did_you_mean("lora_rank", ["lora_r", "seed"])
        "did you mean 'lora_r'?"
    """
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return "use one of " + ", ".join(sorted(known)) if len(known) <= 20 else "--help lists the known ones"


_LISTED = 10_000
"""The most names in a folder that are compared."""


def did_you_mean_file(path: str | Path, otherwise: str) -> str:
    """The remedy for a path that does not exist: the most similar existing path, or else the given remedy.

    Args:
        path: the path, of which each part may be misspelt.
        otherwise: the remedy if no existing path is similar.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "questions.jsonl").touch()
        >>> did_you_mean_file(folder / "questoins.jsonl", "check the path").endswith("questions.jsonl'?")
        True
    """
    wanted = Path(path).expanduser()
    near = Path(wanted.anchor)
    with suppress(OSError):
        for part in wanted.relative_to(near).parts:
            if not (near / part).exists():
                names = [found.name for found in islice(near.iterdir(), _LISTED)]
                if part in names or not (found := difflib.get_close_matches(part, names, n=1, cutoff=0.75)):
                    return otherwise
                part = found[0]
            near /= part
        if near != wanted:
            return f"did you mean {str(near)!r}?"
    return otherwise
