"""The cache folder of this machine, which runs share: converted models and the hashes of large files."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from hf_selfdemo.core.artefacts import Hashed
from hf_selfdemo.core.manifest import file_hash, read_json, write_json

_LARGE = 1 << 20
"""The size in bytes from which hashes are cached. Hashing a smaller file takes no longer than a look-up."""

_SETTLED_S = 2.0
"""Age in seconds from which a hash is cached. A younger file could change again within one tick of the clock."""


def cache_dir() -> Path:
    """The cache folder: `$HF_SELFDEMO_CACHE`, or else `hf_selfdemo` beside the Hub's cache."""
    from huggingface_hub.constants import HF_HOME

    return Path(os.environ.get("HF_SELFDEMO_CACHE", Path(HF_HOME) / "hf_selfdemo"))


def content_hash(path: Path) -> str:
    """The SHA-256 of a file's content. The hash of a large file is cached until its size, times or inode change.

    If the cache cannot be read or written, the file is hashed again.

    Args:
        path: the file.
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
