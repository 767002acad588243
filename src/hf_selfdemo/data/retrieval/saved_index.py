"""The folder of a saved index: its passages, its settings, and hashes of its files. It appears whole or not at all."""

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
"""Hashes of the other files, beside the settings."""


class UnreadableIndex(UserError):
    """A folder holds no index, or one whose files are not as they were written."""


def refuse_others(folder: Path) -> None:
    """Let nothing be lost in a folder that holds no index. The caller holds its lock (`remade.alone`).

    Raises:
        UserError: if `folder` holds other files.
    """
    if folder.exists() and not (folder / SETTINGS).exists() and (folder.is_file() or any(folder.iterdir())):
        raise UserError(f"{folder} holds no index but other files", "choose another folder")


def put_index(
    staging: Path,
    folder: Path,
    passages: Sequence[Passage],
    settings: Mapping[str, Any],
    write: Callable[[Path], None],
) -> None:
    """Write an index into an empty folder beside its own, and let the two change places.

    Args:
        staging: the empty folder, on the same file system.
        folder: where the index ends up.
        passages: what it finds.
        settings: what it was built with.
        write: writes the other files into the folder that it is given.

    Raises:
        UserError: if `folder` holds a file that is none of the index.
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
        raise UserError(f"{folder / min(theirs)} is not a file of the index", "move it elsewhere")
    if folder.exists():
        folder.rename(old)
    put_in_place(new, folder)


def read_index(folder: Path, kind: Any) -> tuple[dict[str, Any], OnDisk[Passage]]:
    """The settings and passages of a saved index, once all its files are found to be as they were written.

    A passage is read from its file when it is asked for.

    Args:
        folder: of the index.
        kind: of the settings, one of `artefacts`.

    Raises:
        ValueError: if a file was changed or the settings are of another kind; within `readable`, a UserError.
        OSError: if a file is missing.
    """
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    hashes = settings.pop(_FILES, {})  # earlier versions wrote none
    if wrong := mismatch(settings, kind) or mismatch(hashes, dict[str, str], _FILES):
        raise ValueError(f"{SETTINGS}: {wrong}")
    for name, known in hashes.items():
        if content_hash(folder / name) != known:
            raise ValueError(f"{name} is not as it was written")
    passages = OnDisk.lines(folder / _PASSAGES, lambda line: Passage(**json.loads(line)))
    if _PASSAGES not in hashes and corpus_fingerprint(passages) != settings["corpus"]:
        raise ValueError("its passages are not those it was built from")
    return settings, passages


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Say of a folder that it holds no index, in one line, whatever is wrong with its files.

    Raises:
        UnreadableIndex: for an error of the block that comes from the files.
    """
    try:
        yield
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        said = str(error).partition("\n")[0]
        what = f"{folder} holds no readable index ({said})"
        raise UnreadableIndex(what, "delete the folder and build again") from None


def corpus_fingerprint(passages: Iterable[Passage]) -> str:
    """A short hash over ids, titles and texts in order."""
    digest = hashlib.sha256()
    for p in passages:
        digest.update(f"{p.id}\0{p.title}\0{p.text}\1".encode())
    return digest.hexdigest()[:16]
