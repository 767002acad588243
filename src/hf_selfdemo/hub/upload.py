"""Push an artefact as one commit. If that fails, the repository stays unchanged, and the error is one line.

Large files are uploaded by their content before the commit. So a push after an interruption sends only what has not
arrived, and a push of unchanged files makes no commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HTTPError

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.generation.tuned import ADAPTER
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.inspection import refuse_findings
from hf_selfdemo.hub.patience import LOGIN, TriedAlready, patiently, what_went_wrong

_REPLACED = (".parquet", ".safetensors", ".safetensors.index.json", ADAPTER)
"""Suffixes of data and weights. Such files of an earlier push are removed, because they would still be loaded."""


@dataclass(frozen=True)
class Pushed:
    """The result of a push: URL and revision of the repository, whether it changed, and the files removed."""

    url: str
    revision: str
    changed: bool
    removed: tuple[str, ...] = ()


def push_artefact(artefact: Artefact, private: bool = False, api: HfApi | None = None) -> Pushed:
    """Create the repository if needed, and push an artefact to it in one commit.

    The files are searched for secrets before any request. The same commit removes data and weights of an earlier push
    that this artefact does not contain, such as surplus shards, or an adapter if the weights are now merged. All other
    files stay. Requests are retried after errors that may pass (429, 5xx, lost connections).

    Args:
        artefact: from `hub.dataset`, `hub.model`, `hub.metrics` or `hub.index`.
        private: make a new repository private, else public. With it, one that is there and public is refused.
        api: where and as whom; default is the endpoint and token that huggingface_hub finds.

    Raises:
        UserError: if the files contain something that must not be pushed, or the push failed.

    Relations: the commit is made by `HfApi.create_commit` of huggingface_hub, with its upload of large files.
    """
    refuse_findings(artefact)
    api = api or HfApi()
    token = _token(api)
    try:
        return _push(api, artefact, private)
    except UserError:
        raise
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        what, remedy = what_went_wrong(error, api.endpoint, artefact.repo_id.partition("/")[0])
        what = f"{artefact.repo_type} {artefact.repo_id} was not pushed: {what.replace(token, '(token)')}"
        raise UserError(what, remedy) from None


def hub_user(api: HfApi) -> str:
    """The name of the user who owns the token.

    Raises:
        UserError: if there is no token, the Hub rejects it, or the Hub cannot be reached.
    """
    token = _token(api)
    try:
        return str(patiently(api.whoami)["name"])
    except (HTTPError, OSError, ValueError) as error:
        what, remedy = what_went_wrong(error, api.endpoint)
        raise UserError(what.replace(token, "(token)"), remedy) from None


def _token(api: HfApi) -> str:
    token = api.token if isinstance(api.token, str) else get_token()
    if not token:
        raise UserError("there is no token for the Hub", LOGIN)
    return token


def _push(api: HfApi, artefact: Artefact, private: bool) -> Pushed:
    where: dict[str, Any] = {"repo_id": artefact.repo_id, "repo_type": artefact.repo_type}
    sdk = artefact.space_sdk or None
    url = patiently(lambda: api.create_repo(**where, private=private, space_sdk=sdk, exist_ok=True))
    heads: list[str | None] = []

    def attempt() -> Pushed:
        found: Any = api.repo_info(**where)
        heads.append(found.sha)
        if private and not found.private:
            raise UserError(
                f"{artefact.repo_id} already exists and is public",
                "make it private on its settings page, name another one, or set `private: false`",
            )
        removed = superseded(artefact, (file.rfilename for file in found.siblings or ()))
        revision = _commit(api, artefact, removed, where, found.sha)
        return Pushed(str(url), revision, revision != heads[0], tuple(removed))

    return patiently(attempt)


def superseded(artefact: Artefact, present: Iterable[str]) -> list[str]:
    """The files of an earlier push that an artefact does not contain and that must be removed.

    Args:
        artefact: the artefact to push.
        present: names of the files in the repository.

    Example:
        >>> new = Artefact("dataset", "me/x", "dataset", {"README.md": "# x", "sft/train-0-of-1.parquet": ""}, "Add")
        >>> superseded(new, ["README.md", "sft/train-0-of-2.parquet", "sft/train-1-of-2.parquet", "notes.txt"])
        ['sft/train-0-of-2.parquet', 'sft/train-1-of-2.parquet']
    """
    return sorted(name for name in present if name.endswith(_REPLACED) and name not in artefact.files)


def _commit(api: HfApi, artefact: Artefact, removed: list[str], where: dict[str, Any], head: str | None) -> str:
    """Commit what is new, and return the new head.

    Each attempt makes the operations again. If the response to a successful commit was lost, the next attempt finds
    nothing new.
    """
    additions = [CommitOperationAdd(name, _content(file)) for name, file in artefact.files.items()]
    try:
        api.preupload_lfs_files(**where, additions=additions)
    except (HTTPError, OSError, RuntimeError) as error:
        raise TriedAlready from error
    operations: list[Any] = [*additions, *map(CommitOperationDelete, removed)]
    return api.create_commit(**where, operations=operations, commit_message=artefact.message, parent_commit=head).oid


def _content(file: Path | str) -> Path | bytes:
    return file if isinstance(file, Path) else file.encode()
