"""Keeps two different runs out of one folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import write_json

_HASH = re.compile(r"[0-9a-f]{16}|[0-9a-f]{64}")
"""Matches the results of `fingerprint` and `file_hash`."""

_ELSEWHERE = "choose another output_dir"
_REUSE = _ELSEWHERE + " (and set `ledger` to this run's generation cache to reuse its calls)"


def claim_folder(
    folder: Path,
    settings: dict[str, Any],
    remedy: str = _REUSE,
    words: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> bool:
    """Reserve `folder` for a run with these settings. Returns True if an earlier start of this run has reserved it.

    Args:
        folder: the folder of one stage of one run.
        settings: everything that affects the stage's content.
        remedy: what to do if the folder belongs to another run.
        words: readable names of settings, for messages.
        defaults: the values of settings that are missing because another version of this package wrote the folder.

    Raises:
        UserError: as `refuse_other_run` does. Then nothing is written.
    """
    there = refuse_other_run(folder, settings, remedy, words, defaults)
    if not there or _is_unused(folder):
        write_json(folder / "run.json", _plain(settings))
    return there


def refuse_other_run(
    folder: Path,
    settings: dict[str, Any],
    remedy: str = _REUSE,
    words: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> bool:
    """Check whether `folder` is free for a run with these settings, or belongs to it (True). Nothing is written.

    Args:
        folder: as in `claim_folder`.
        settings: as in `claim_folder`.
        remedy: as in `claim_folder`.
        words: as in `claim_folder`.
        defaults: as in `claim_folder`.

    Raises:
        UserError: if the folder contains results of a run with other settings, or files that belong to no run. The
            message names the settings that differ, with their values unless these are hashes.
    """
    path = folder / "run.json"
    if folder.is_file():
        raise UserError(f"{folder} is a file", _ELSEWHERE)
    if path.exists():
        try:
            found = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError, RecursionError):
            raise UserError(f"{path} cannot be read", "choose another output_dir, or delete this folder") from None
        keys = differing(found, settings, defaults or {})
        if keys and not _is_unused(folder):
            names = {key: (words or {}).get(key, key) for key in keys[:3]}
            wanted = _plain(settings)
            shown = ", ".join(_difference(name, found.get(key), wanted.get(key)) for key, name in names.items())
            raise UserError(f"{folder} belongs to another run: {shown}", remedy)
        return True
    if folder.exists() and any(not p.name.startswith("run.json") for p in folder.iterdir()):  # another may start
        raise UserError(f"{folder} contains files that do not belong to such a run", _ELSEWHERE)
    return False


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """The settings in which two runs differ. A missing setting has its default.

    So a setting that is newer than a run does not change the run's identity, unless the user sets it.

    Args:
        found: the settings of one run.
        wanted: the settings of the other run.
        defaults: the default of each setting; None for those without one.

    Example:
        >>> differing({"seed": 0}, {"seed": 0, "window": 16, "beta": 2}, {"window": 16, "beta": 1})
        ['beta']
    """
    one, other = (_plain({**defaults, **settings}) for settings in (found, wanted))
    return sorted(key for key in {*found, *wanted} if one.get(key) != other.get(key))


def _is_unused(folder: Path) -> bool:
    """Whether an earlier start reserved the folder and then produced nothing."""
    return [path.name for path in folder.iterdir()] == ["run.json"]


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are when they are read from a JSON file again."""
    return json.loads(json.dumps(settings, default=str))


def _difference(key: str, there: Any, now: Any) -> str:
    """The description of a setting that differs. For hashes, it has only the name of the setting."""
    if any(isinstance(value, str) and _HASH.fullmatch(value) for value in (there, now)):
        return "other " + key.replace("_", " ")
    return f"{key} (there {there!r}, now {now!r})"
