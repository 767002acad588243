"""Uploading: an artefact becomes one commit, or its repository stays as it was and one line says why.

Large files are stored by their content before the commit names them, so that a push that broke off sends again only
what had not arrived, and a push of what is there already makes no commit.
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
"""Files that change what a repository loads as; those of an earlier push must not stay beside those of a later one."""


@dataclass(frozen=True)
class Pushed:
    """What became of a push: the repository's page and head, whether there was anything new, what was taken away."""

    url: str
    revision: str
    changed: bool
    removed: tuple[str, ...] = ()


def push_artefact(artefact: Artefact, private: bool = False, api: HfApi | None = None) -> Pushed:
    """Make the repository, unless it is there, and put an artefact into it by one commit.

    The files are inspected before anything is asked of the Hub. Data and weights of an earlier push that this one does
    not hold (shards of another number, an adapter where there now are merged weights) are removed by the same commit;
    any other file stays. Requests that fail in passing (429, 5xx, lost connections) are tried again, after the time
    that the Hub names.

    Args:
        artefact: from `hub.dataset`, `hub.model`, `hub.metrics` or `hub.index`.
        private: make a new repository private, else public. With it, one that is there and public is refused.
        api: where and as whom; default is the endpoint and token that huggingface_hub finds.

    Raises:
        UserError: if something in the files must not leave this machine, or the push failed; it names the remedy.

    Relations: the commit is `HfApi.create_commit` of huggingface_hub, with its upload of large files.
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
    """The name of the user to whom the token belongs.

    Raises:
        UserError: if there is no token, or the Hub does not know it or cannot be reached.
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
        raise UserError("no token for the Hub is set", LOGIN)
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
                f"{artefact.repo_id} is there already and public",
                "make it private on its settings page, name another one, or set `private: false`",
            )
        removed = superseded(artefact, (file.rfilename for file in found.siblings or ()))
        revision = _commit(api, artefact, removed, where, found.sha)
        return Pushed(str(url), revision, revision != heads[0], tuple(removed))

    return patiently(attempt)


def superseded(artefact: Artefact, present: Iterable[str]) -> list[str]:
    """Names of files in a repository that an artefact takes the place of without holding them.

    Args:
        artefact: what is to be there.
        present: names of what is there.

    Example:
        >>> new = Artefact("dataset", "me/x", "dataset", {"README.md": "# x", "sft/train-0-of-1.parquet": ""}, "Add")
        >>> superseded(new, ["README.md", "sft/train-0-of-2.parquet", "sft/train-1-of-2.parquet", "notes.txt"])
        ['sft/train-0-of-2.parquet', 'sft/train-1-of-2.parquet']
    """
    return sorted(name for name in present if name.endswith(_REPLACED) and name not in artefact.files)


def _commit(api: HfApi, artefact: Artefact, removed: list[str], where: dict[str, Any], head: str | None) -> str:
    """Commit what is new, and return the head.

    The operations are made for each attempt: what one had committed whose answer was lost, the next finds to be there.
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
