"""Saved indexes: a folder with passages, settings and hashes of the files. It appears complete or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hf_selfdemo.core.cache import content_hash
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.kinds import mismatch
from hf_selfdemo.core.manifest import put_in_place
from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.types import Passage

SETTINGS = "hf_selfdemo.json"
_PASSAGES = "passages.jsonl"
_FILES = "files"
"""The key in the settings file under which the hashes of the other files are."""


class UnreadableIndex(UserError):
    """The folder contains no index, or one whose files are damaged."""


def refuse_others(folder: Path) -> None:
    """Reject a folder with files but without an index, so that no file is lost. Call it with the lock `remade.alone`.

    Raises:
        UserError: if `folder` contains other files.
    """
    if folder.exists() and not (folder / SETTINGS).exists() and (folder.is_file() or any(folder.iterdir())):
        raise UserError(f"{folder} contains files that are not an index", "choose another folder")


def put_index(
    staging: Path,
    folder: Path,
    passages: Sequence[Passage],
    settings: Mapping[str, Any],
    write: Callable[[Path], None],
) -> None:
    """Write an index into a temporary folder, and then swap it with the folder of the index.

    Args:
        staging: an empty temporary folder on the same file system.
        folder: the folder of the index.
        passages: the passages of the index.
        settings: the settings that the index was built with.
        write: a function that writes the other files into the folder that it is given.

    Raises:
        UserError: if `folder` contains a file that does not belong to the index.
    """
    new, old = staging / "new", staging / "old"
    new.mkdir()
    write(new)
    with (new / _PASSAGES).open("w", encoding="utf-8") as out:
        for p in passages:
            out.write(json.dumps({"id": p.id, "title": p.title, "text": p.text}, ensure_ascii=False) + "\n")
    files = {path.name: content_hash(path) for path in sorted(new.iterdir())}
    (new / SETTINGS).write_text(json.dumps({**settings, _FILES: files}, indent=1), encoding="utf-8")
    if theirs := {path.name for path in folder.glob("*")} - {path.name for path in new.iterdir()}:
        raise UserError(f"{folder / min(theirs)} does not belong to the index", "move the file elsewhere")
    if folder.exists():
        folder.rename(old)
    put_in_place(new, folder)


def read_index(folder: Path, kind: Any) -> tuple[dict[str, Any], OnDisk[Passage]]:
    """Check the files of a saved index, and read its settings and passages.

    A passage is read from its file when it is asked for.

    Args:
        folder: the folder of the index.
        kind: the type of the settings, one of those in `artefacts`.

    Raises:
        ValueError: if a file was changed or the settings are not of this type. `readable` turns it into a UserError.
        OSError: if a file is missing.
    """
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    hashes = settings.pop(_FILES, {})  # earlier versions wrote none
    if wrong := mismatch(settings, kind) or mismatch(hashes, dict[str, str], _FILES):
        raise ValueError(f"{SETTINGS}: {wrong}")
    for name, known in hashes.items():
        if content_hash(folder / name) != known:
            raise ValueError(f"{name} was changed since it was written")
    passages = OnDisk.lines(folder / _PASSAGES, lambda line: Passage(**json.loads(line)))
    if _PASSAGES not in hashes and corpus_fingerprint(passages) != settings["corpus"]:
        raise ValueError("its passages differ from those it was built from")
    return settings, passages


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Turn any error about the files of an index into an `UnreadableIndex` of one line.

    Raises:
        UnreadableIndex: if the block raises an error that comes from the files.
    """
    try:
        yield
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        said = str(error).partition("\n")[0]
        what = f"{folder} contains no readable index ({said})"
        raise UnreadableIndex(what, "delete the folder and build the index again") from None


def corpus_fingerprint(passages: Iterable[Passage]) -> str:
    """A short hash over ids, titles and texts in order."""
    digest = hashlib.sha256()
    for p in passages:
        digest.update(f"{p.id}\0{p.title}\0{p.text}\1".encode())
    return digest.hexdigest()[:16]
