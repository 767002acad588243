"""The guard that keeps two runs out of one folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import write_json

_HASH = re.compile(r"[0-9a-f]{16}|[0-9a-f]{64}")
"""What `fingerprint` and `file_hash` give."""

_ELSEWHERE = "choose another output_dir"
_REUSE = _ELSEWHERE + " (and name this run's ledger as `ledger`: its calls can be used again)"


def claim_folder(
    folder: Path,
    settings: dict[str, Any],
    remedy: str = _REUSE,
    words: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> bool:
    """Make `folder` the home of a run with these settings, or find that it already is (True: an earlier start).

    Args:
        folder: of one stage of one run.
        settings: everything that decides the stage's content.
        remedy: what to do where the folder is another run's.
        words: what to call settings whose keys do not speak for themselves.
        defaults: of settings that another version of this package does not know: where one is missing, it has this.

    Raises:
        UserError: as `refuse_other_run`; nothing is written.
    """
    path = folder / "run.json"
    there = refuse_other_run(folder, settings, remedy, words, defaults)
    if not there or [p.name for p in folder.iterdir()] == ["run.json"]:  # it stopped before anything was paid for
        write_json(path, json.loads(json.dumps(settings, default=str)))
    return there


def refuse_other_run(
    folder: Path,
    settings: dict[str, Any],
    remedy: str = _REUSE,
    words: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> bool:
    """Look whether `folder` can be the home of a run with these settings, or already is (True); nothing is written.

    Args:
        folder: as in `claim_folder`, like all others.
        settings: see there.
        remedy: see there.
        words: see there.
        defaults: see there.

    Raises:
        UserError: if the folder belongs to a run with other settings that got somewhere, or holds files of no
            run. It names the keys that differ, with their values unless these are hashes.
    """
    path = folder / "run.json"
    if folder.is_file():
        raise UserError(f"{folder} is a file", _ELSEWHERE)
    if path.exists():
        try:
            found = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError, RecursionError):
            raise UserError(f"{path} cannot be read", "choose another output_dir or remove that folder") from None
        keys = differing(found, settings, defaults or {})
        if keys and [p.name for p in folder.iterdir()] != ["run.json"]:
            names = {key: (words or {}).get(key, key) for key in keys[:3]}
            wanted = json.loads(json.dumps(settings, default=str))
            shown = ", ".join(_difference(name, found.get(key), wanted.get(key)) for key, name in names.items())
            raise UserError(f"{folder} holds another run: {shown}", remedy)
        return True
    if folder.exists() and any(not p.name.startswith("run.json") for p in folder.iterdir()):  # another may be starting
        raise UserError(f"{folder} holds files that do not belong to such a run", _ELSEWHERE)
    return False


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """The settings in which two runs differ, where a missing one equals its default.

    So a key that was not known when a run was made changes nothing about it, as long as nobody sets it.

    Args:
        found: of one run.
        wanted: of the other.
        defaults: by key; what has none here has the default None.

    Example:
        >>> differing({"seed": 0}, {"seed": 0, "window": 16, "beta": 2}, {"window": 16, "beta": 1})
        ['beta']
    """
    one, other = (json.loads(json.dumps({**defaults, **settings}, default=str)) for settings in (found, wanted))
    return sorted(key for key in {*found, *wanted} if one.get(key) != other.get(key))


def _difference(key: str, there: Any, now: Any) -> str:
    """A key whose values differ, in words; of hashes only what they stand for can be told."""
    if any(isinstance(value, str) and _HASH.fullmatch(value) for value in (there, now)):
        return "other " + key.replace("_", " ")
    return f"{key} (there {there!r}, now {now!r})"
