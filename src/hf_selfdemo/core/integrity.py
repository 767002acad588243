"""Detects files that were changed since they were written, by the hashes in a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hf_selfdemo.core.artefacts import Hashes
from hf_selfdemo.core.cache import content_hash
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json


def hashes(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """The hashes of files by their path in a folder, for its manifest."""
    return {path.relative_to(folder).as_posix(): content_hash(path) for path in sorted(files)}


def refuse_changed(folder: Path, known: Mapping[str, str], remedy: str) -> None:
    """Raise an error if a file was changed since it was written, or is missing.

    Args:
        folder: the folder of the files.
        known: the result of `hashes`.
        remedy: what to do about a changed file.

    Raises:
        UserError: naming the first file that was changed or is missing.
    """
    for name in changed(folder, known):
        raise UserError(f"{folder / name} was changed since it was written", remedy)


def changed(folder: Path, known: Mapping[str, str]) -> Iterator[str]:
    """The paths in the folder of files that were changed since they were written, or are missing."""
    for name, digest in known.items():
        path = folder / name
        if not path.is_file() or content_hash(path) != digest:
            yield name


def known_hashes(folder: Path) -> dict[str, str]:
    """The hashes in the manifest of a folder (key `files`); empty without them, as in earlier versions."""
    return dict(read_json(folder / "manifest.json", Hashes, missing_ok=True).get("files", {}))
