"""What is kept between runs, in one folder of this machine: converted models, and the hashes of large files."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from hf_selfdemo.core.artefacts import Hashed
from hf_selfdemo.core.manifest import file_hash, read_json, write_json

_LARGE = 1 << 20
"""Bytes; hashing a smaller file costs no more than looking its hash up."""

_SETTLED_S = 2.0
"""A file that was written to more recently may be written to again within one tick of the file system's clock."""


def cache_dir() -> Path:
    """The folder: `$HF_SELFDEMO_CACHE`, else `hf_selfdemo` beside the Hub's own cache."""
    from huggingface_hub.constants import HF_HOME

    return Path(os.environ.get("HF_SELFDEMO_CACHE", Path(HF_HOME) / "hf_selfdemo"))


def content_hash(path: Path) -> str:
    """SHA-256 of a file's content; a large file is read once, until its size, times or inode change.

    A cache that cannot be read or written costs the time of hashing again, nothing else.

    Args:
        path: of the file.
    """
    found = path.stat()
    if found.st_size < _LARGE:
        return file_hash(path)
    state = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    where = str(path.resolve())
    note = cache_dir() / "hashes" / f"{hashlib.sha256(os.fsencode(where)).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = read_json(note, Hashed)
        if known["path"] == where and known["state"] == state:
            return str(known["sha256"])
    digest = file_hash(path)
    if time.time() - max(found.st_mtime, found.st_ctime) > _SETTLED_S:
        with suppress(OSError, ValueError):
            write_json(note, {"path": where, "state": state, "sha256": digest})
    return digest
