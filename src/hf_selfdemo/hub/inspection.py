"""Search files for what must not be pushed: secrets in all files, and paths of this machine in files of the run.

Rows (passages, questions, replies, vocabularies) are text of others and may mention paths, so they are searched only
for secrets. Cards, manifests, configurations and code are searched for both.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.secrets import known_secrets, redacted, secret_in
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.texts import Packed, texts

_ROWS = (".parquet", ".jsonl", ".csv", ".tsv", "tokenizer.json", "vocab.json", "vocab.index.json", "merges.txt")
"""Suffixes of files that contain rows."""

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
"""Suffixes of files that run code when they are loaded, and whose content cannot be searched."""

_PATH = re.compile(
    r"(?<![\w.:/\\~>-])(?:/[\w.+@~-]+){2,}|(?<![\w.-])/(?:home|Users|root)/[\w.+/@~-]+|[A-Za-z]:\\[\w.\\ -]+"
)
"""An absolute path, but not the path of a URL unless it is a file: URL."""

_HOME = re.compile(r"/(?:home|Users|root)/|[A-Za-z]:\\+Users\\")
_EVERYWHERE = ("bin", "dev", "etc", "lib", "opt", "proc", "sbin", "sys", "tmp", "usr", "var")
"""Top folders of every machine. A path in them reveals nothing about this machine unless it exists here."""

_SHOWN = 3
"""Number of findings that are listed for a file. The others are counted."""


def refuse_findings(artefact: Artefact) -> None:
    """Reject an artefact that must not be pushed as it is.

    Raises:
        UserError: with the first finding.
    """
    if findings := inspect_artefact(artefact):
        more = f" (and {len(findings) - 1} more; dry_run lists them)" if len(findings) > 1 else ""
        what, _, remedy = findings[0].partition(": ")
        raise UserError(f"{artefact.repo_id}: {what}{more}", remedy)


def inspect_artefact(artefact: Artefact) -> list[str]:
    """Search every file of an artefact for what should not be shared. Nothing is sent.

    All files are searched for tokens and keys by their shape, for the values of environment variables whose names mean
    a token, key or secret, and for the Hub token. Files without rows are also searched for home folders, paths that
    exist on this machine, JSON values that are absolute paths, and the name of this machine. In Parquet files, the text
    columns and the metadata are searched, and in safetensors files the header. Pickles, compressed files, unknown
    binary files and arrays of objects are rejected. Numbers and images are not searched.

    Returns:
        One line for each finding, with file, place, kind and remedy. It never contains the secret itself.

    Example:
        >>> card = {"README.md": "made in /home/ada/runs/1"}
        >>> inspect_artefact(Artefact("dataset", "me/x", "dataset", card, "Add"))
        ['README.md, line 1, contains the path /home/ada/runs/1: make it relative, or remove it']
    """
    secrets = known_secrets()
    findings = []
    for name, file in artefact.files.items():
        found = list(_inspect(name, file, secrets))
        findings += found[:_SHOWN]
        if len(found) > _SHOWN:
            findings.append(f"{name} has {len(found) - _SHOWN} more findings: fix them too")
    return findings


def _inspect(name: str, file: Path | str, secrets: Mapping[str, str]) -> Iterator[str]:
    if name.endswith(_PICKLES):
        yield f"{name} is a pickle, which may contain secrets and runs code when it is loaded: leave it out"
        return
    found: dict[str, str] = {}  # one for each place
    try:
        for place, text in texts(name, file):
            if kind := secret_in(text, secrets):
                found[place] = f"{kind}: remove it, and revoke it if it was ever shared"
            elif _tells_origin(name, place) and place not in found and (trace := _trace(text)):
                found[place] = f"{trace}: make it relative, or remove it"
    except Packed:
        yield f"{name} is compressed or binary, so it cannot be searched: decompress it, or leave it out"
    except (ValueError, OSError, RecursionError, struct.error) as error:
        yield f"{name} cannot be read ({type(error).__name__}): write it again"
    for place, what in found.items():
        yield f"{name}, {redacted(place, secrets)}, contains {what}"  # the place may contain a secret itself


def _tells_origin(name: str, place: str) -> bool:
    return not name.endswith(_ROWS) or place.startswith("metadata")


def _trace(text: str) -> str:
    """The first path of this machine in a text, or the name of this machine; "" if there is none."""
    for found in _PATH.finditer(text):
        path = found[0].rstrip(".,;:) ")
        if _HOME.match(path) or path == text.strip() or _is_here(path):
            return f"the path {path}"
    host = socket.gethostname()
    telling = len(host) > 3 and not host.isalpha() and re.search(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text)
    return "this machine's name" if telling else ""


@cache
def _is_here(path: str) -> bool:
    """Whether a path is in a folder that exists on this machine."""
    if path.startswith(tuple(f"{own}/" for own in (Path.home(), Path.cwd()) if len(own.parts) > 1)):
        return True
    top = Path(path).parts[1] if path.startswith("/") else ""
    if top in _EVERYWHERE:
        return top in ("tmp", "var") and Path(path).exists()
    return bool(top) and Path("/", top).is_dir()
