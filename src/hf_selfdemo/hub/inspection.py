"""What must not leave this machine: secrets anywhere, and this machine's paths where files speak of themselves.

Rows (passages, questions, replies, vocabularies) are other people's text, which may name paths: in them only secrets
are looked for. Cards, manifests, configurations and code tell where things come from: in them both are.
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
"""Endings of files whose text is content."""

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
"""Files that run code when they are read, and hide what they hold."""

_PATH = re.compile(
    r"(?<![\w.:/\\~>-])(?:/[\w.+@~-]+){2,}|(?<![\w.-])/(?:home|Users|root)/[\w.+/@~-]+|[A-Za-z]:\\[\w.\\ -]+"
)
"""An absolute path; the end of an address is none, unless it is one of a file."""

_HOME = re.compile(r"/(?:home|Users|root)/|[A-Za-z]:\\+Users\\")
_EVERYWHERE = ("bin", "dev", "etc", "lib", "opt", "proc", "sbin", "sys", "tmp", "usr", "var")
"""Top folders that every machine has: a path below them tells nothing of this one, unless it is in use here."""

_SHOWN = 3
"""Findings told of a file; the others are counted."""


def refuse_findings(artefact: Artefact) -> None:
    """Refuse an artefact that must not leave this machine as it is.

    Raises:
        UserError: with the first finding.
    """
    if findings := inspect_artefact(artefact):
        more = f" (and {len(findings) - 1} more; dry_run lists them)" if len(findings) > 1 else ""
        what, _, remedy = findings[0].partition(": ")
        raise UserError(f"{artefact.repo_id}: {what}{more}", remedy)


def inspect_artefact(artefact: Artefact) -> list[str]:
    """Look through every file of an artefact for what should not be shared; nothing is sent.

    Looked for in all of them: tokens and keys by their shape, values of this machine's variables whose names speak of
    a token, key or secret, and the Hub's own token. In files that are not rows also: home folders, paths that lead
    somewhere on this machine, whole values of JSON that are absolute paths, and this machine's name. Of Parquet files
    the text columns and the metadata are read, of safetensors the header; pickles, packed files and binary ones of
    other kinds are refused, and so are arrays of anything but numbers. Numbers and pictures are not looked into.

    Returns:
        One line for each finding: file, place and kind, and what to do. A secret itself is never in it.

    Example:
        >>> card = {"README.md": "made in /home/ada/runs/1"}
        >>> inspect_artefact(Artefact("dataset", "me/x", "dataset", card, "Add"))
        ['README.md, line 1, holds the path /home/ada/runs/1: make it relative, or take it out']
    """
    secrets = known_secrets()
    findings = []
    for name, file in artefact.files.items():
        found = list(_inspect(name, file, secrets))
        findings += found[:_SHOWN]
        if len(found) > _SHOWN:
            findings.append(f"{name} holds {len(found) - _SHOWN} more such places: see to them too")
    return findings


def _inspect(name: str, file: Path | str, secrets: Mapping[str, str]) -> Iterator[str]:
    if name.endswith(_PICKLES):
        yield f"{name} is a pickle, which may hold paths and tokens and runs code when read: leave it out"
        return
    found: dict[str, str] = {}  # one for each place
    try:
        for place, text in texts(name, file):
            if kind := secret_in(text, secrets):
                found[place] = f"{kind}: take it out, and have it replaced if it was ever shared"
            elif _tells_origin(name, place) and place not in found and (trace := _trace(text)):
                found[place] = f"{trace}: make it relative, or take it out"
    except Packed:
        yield f"{name} is packed or binary, and what it holds cannot be looked at: unpack it, or leave it out"
    except (ValueError, OSError, RecursionError, struct.error) as error:
        yield f"{name} cannot be read ({type(error).__name__}): make it again"
    for place, what in found.items():
        yield f"{name}, {redacted(place, secrets)}, holds {what}"  # a key may be a secret itself


def _tells_origin(name: str, place: str) -> bool:
    return not name.endswith(_ROWS) or place.startswith("metadata")


def _trace(text: str) -> str:
    """The first path of this machine in a text, or its name."""
    for found in _PATH.finditer(text):
        path = found[0].rstrip(".,;:) ")
        if _HOME.match(path) or path == text.strip() or _is_here(path):
            return f"the path {path}"
    host = socket.gethostname()
    telling = len(host) > 3 and not host.isalpha() and re.search(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text)
    return "this machine's name" if telling else ""


@cache
def _is_here(path: str) -> bool:
    """Whether a path leads into a folder of this very machine."""
    if path.startswith(tuple(f"{own}/" for own in (Path.home(), Path.cwd()) if len(own.parts) > 1)):
        return True
    top = Path(path).parts[1] if path.startswith("/") else ""
    if top in _EVERYWHERE:
        return top in ("tmp", "var") and Path(path).exists()
    return bool(top) and Path("/", top).is_dir()
