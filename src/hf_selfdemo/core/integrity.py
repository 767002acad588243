"""Files whose hashes stand in a manifest: what was changed since is never taken for what was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hf_selfdemo.core.artefacts import Hashes
from hf_selfdemo.core.cache import content_hash
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json


def hashes(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Hashes of files by their path in a folder, for its manifest."""
    return {path.relative_to(folder).as_posix(): content_hash(path) for path in sorted(files)}


def refuse_changed(folder: Path, known: Mapping[str, str], remedy: str) -> None:
    """Look whether files are still those that were written.

    Args:
        folder: where they lie.
        known: what `hashes` gave.
        remedy: what to do where one is not.

    Raises:
        UserError: naming a file that was changed since, or is gone.
    """
    for name in changed(folder, known):
        raise UserError(f"{folder / name} is not as it was written", remedy)


def changed(folder: Path, known: Mapping[str, str]) -> Iterator[str]:
    """The files that are not those that were written, by their path in the folder."""
    for name, digest in known.items():
        path = folder / name
        if not path.is_file() or content_hash(path) != digest:
            yield name


def known_hashes(folder: Path) -> dict[str, str]:
    """The hashes that the manifest of a folder tells as `files`; none where there is no manifest, or an earlier one."""
    return dict(read_json(folder / "manifest.json", Hashes, missing_ok=True).get("files", {}))
