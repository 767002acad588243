"""Look-up of an implementation by name in a visible table ``{"name": "module:Class"}``; imported only when used."""

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
        kind: what is looked up, for the error message ("strategy", "retriever").
        name: the key a user wrote.
        table: the folder's visible table.

    Raises:
        UserError: if the name is not in the table; it names the near match.

    Example:
        >>> load("number", "fraction", {"fraction": "fractions:Fraction"}).__name__
        'Fraction'
    """
    if name not in table:
        raise UserError(f"unknown {kind} {name!r}", did_you_mean(name, list(table)))
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def load_own(kind: str, path: str) -> Any:
    """Import and return what a user names in a package or module of their own, as `module:attribute`.

    Args:
        kind: what is looked up, for the error message.
        path: of the attribute.

    Raises:
        UserError: if it cannot be imported, for whatever reason its module has.

    Example:
        >>> load_own("number", "fractions:Fraction").__name__
        'Fraction'
    """
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # code of others raises anything
        remedy = "write module:attribute, of an installed package or one on PYTHONPATH"
        raise UserError(f"the {kind} {path!r} cannot be imported ({reason(error)})", remedy) from error


def made_own(kind: str, path: str) -> Any:
    """Call what `load_own` imports, such as a class, without arguments.

    Args:
        kind: what is looked up, for the error message.
        path: as `load_own` takes it.

    Raises:
        UserError: if it cannot be imported, or raises when it is called.

    Example:
        >>> made_own("number", "fractions:Fraction")
        Fraction(0, 1)
    """
    make = load_own(kind, path)
    try:
        return make()
    except Exception as error:  # code of others raises anything
        remedy = "name a class, or a function that makes one, that needs no arguments"
        raise UserError(f"the {kind} {path!r} cannot be made ({reason(error)})", remedy) from error


def own_version(path: str) -> str:
    """A hash of the file that holds what `load_own` returned: if the file changes, it is another implementation.

    Args:
        path: as `load_own` takes it.

    Returns:
        "" for a module without a file, such as one that is built into Python.
    """
    file = getattr(importlib.import_module(path.partition(":")[0]), "__file__", None)
    return file_hash(Path(file)) if file else ""


def did_you_mean(word: str, known: list[str]) -> str:
    """A remedy for a misspelt word: the nearest known one, else all of them if they are few.

    Example:
        >>> did_you_mean("lora_rank", ["lora_r", "seed"])
        "did you mean 'lora_r'?"
    """
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return "known are " + ", ".join(sorted(known)) if len(known) <= 20 else "--help lists the known ones"


_LISTED = 10_000
"""Names of a folder that are looked at."""


def did_you_mean_file(path: str | Path, otherwise: str) -> str:
    """A remedy for a path at which nothing is: the nearest one that is there, else the remedy given.

    Args:
        path: as it was written; each of its names may be misspelt.
        otherwise: what to do where nothing is near.

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
