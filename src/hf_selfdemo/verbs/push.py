"""`hf-selfdemo push`: push the results of a run to repositories on the Hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.utils.logging import set_verbosity_error

from hf_selfdemo.core.console import say, waiting
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.dataset import dataset_artefact
from hf_selfdemo.hub.index import index_artefact
from hf_selfdemo.hub.inspection import refuse_findings
from hf_selfdemo.hub.metrics import metric_artefacts
from hf_selfdemo.hub.model import model_artefact
from hf_selfdemo.hub.retriever import retriever_artefact
from hf_selfdemo.hub.space import space_artefact
from hf_selfdemo.hub.upload import hub_user, push_artefact
from hf_selfdemo.hub.visibility import shows_only_embedded
from hf_selfdemo.recipe.parts import corpus_passages, part_of
from hf_selfdemo.recipe.passages import Shortening
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.retriever import effective_keys
from hf_selfdemo.verbs.columns import column_of
from hf_selfdemo.verbs.push_preview import show_preview

_OWNER = "NAMESPACE"
"""The placeholder for the owner of the token in a dry run, which makes no request."""


def run_push(recipe: Recipe) -> None:
    """Push what `artefacts` names, or show it (`dry_run`).

    All are made and inspected before the first is pushed. Of the Hub nothing is asked before that but the name of the
    token's owner, and only where `hub_namespace` is not set.

    Raises:
        UserError: for an unknown artefact, a run that is not finished, files that must not leave this machine, or a
            push that failed.
    """
    keys, training = recipe.push, recipe.training
    for name in keys.artefacts:
        if name not in _BUILDERS:
            raise UserError(f"unknown artefact {name!r}", did_you_mean(name, list(_BUILDERS)))
    api = HfApi(token=training.hub_token)
    owner = keys.hub_namespace or (_OWNER if keys.dry_run else hub_user(api))
    with waiting("putting files and cards together"):
        artefacts = [made for name in keys.artefacts for made in _BUILDERS[name](recipe, owner)]
    private = _private(recipe, artefacts)
    for note in _notes(recipe):
        say(f"note: {note}")
    if keys.dry_run:
        return show_preview(artefacts, private, recipe.output_dir)
    for artefact in artefacts:
        refuse_findings(artefact)
    set_verbosity_error()  # what it would say of waiting and trying again, one line says in the end
    for artefact, hidden in zip(artefacts, private, strict=True):
        _push(artefact, hidden, api)


def _private(recipe: Recipe, artefacts: Sequence[Artefact]) -> list[bool]:
    """For each artefact, whether a new repository is private.

    Where nobody says, it is private unless all passages are the embedded ones. The metrics contain no passages.
    """
    asked = recipe.training.hub_private_repo if recipe.push.private is None else recipe.push.private
    if asked is not None:
        return [bool(asked)] * len(artefacts)
    own = not recipe.data.only_embedded or not shows_only_embedded(recipe.output_dir)
    found = [own and artefact.kind != "metric" for artefact in artefacts]
    if any(found):
        say("note: new repositories are private because of your passages; --private false makes them public")
    return found


def _notes(recipe: Recipe) -> list[str]:
    """Notes about what the cards lack."""
    named, keys = set(recipe.push.artefacts), recipe.push
    notes = []
    if named & {"model", "space"} and not (recipe.output_dir / "evaluation" / "manifest.json").exists():
        notes.append("there is no evaluation, so the card has no figures: run `hf-selfdemo evaluate` first")
    if "model" in named and not keys.model_license:
        notes.append("the card of the model has no licence: set model_license")
    if _source_license(recipe) != (keys.source_license or ""):
        notes.append("the licence of the source text is not known, and push will ask for it: set source_license")
    if keys.dry_run and not keys.hub_namespace:
        notes.append(f"{_OWNER} stands for the owner of your token: set hub_namespace to name another owner")
    return notes


def _push(artefact: Artefact, private: bool, api: HfApi) -> None:
    with waiting(f"pushing {artefact.repo_id}"):
        pushed = push_artefact(artefact, private, api)
    removed = f", {len(pushed.removed)} of an earlier push removed" if pushed.removed else ""
    what = f"{len(artefact.files)} files in one commit{removed}" if pushed.changed else "nothing new, no commit"
    say(f"{artefact.kind}: {pushed.url} ({what})")


# what there is to push


def _dataset(recipe: Recipe, owner: str) -> list[Artefact]:
    keys = recipe.push
    return [
        dataset_artefact(
            recipe.output_dir,
            _dataset_id(recipe, owner),
            data=_data_keys(recipe),
            license=_source_license(recipe),
            language=keys.hub_languages,
            max_shard_size=keys.max_shard_size,
            answerer=recipe.method.answerer(),
        )
    ]


def _model(recipe: Recipe, owner: str) -> list[Artefact]:
    keys = recipe.push
    pushed = "dataset" in keys.artefacts or keys.hub_dataset_id
    return [
        model_artefact(
            recipe.output_dir,
            _model_id(recipe, owner),
            base_model=keys.hub_base_model or "",
            dataset_id=_dataset_id(recipe, owner) if pushed else "",
            license=keys.model_license or "",
            language=keys.hub_languages,
            merge_adapter=keys.merge_adapter,
            benchmark=keys.hub_benchmark or "",
            column=column_of(recipe.model_folder) if recipe.train.variant else "",
            trained=recipe.model_folder,
        )
    ]


def _retriever(recipe: Recipe, owner: str) -> list[Artefact]:
    keys = recipe.push
    return [
        retriever_artefact(
            recipe.output_dir,
            _repo_id(keys.hub_retriever_id or f"{_name(recipe)}-retriever", owner),
            base_model=keys.hub_base_model or "",
            license=keys.model_license or "",
            language=keys.hub_languages,
            merge_adapter=keys.merge_adapter,
        )
    ]


def _metrics(recipe: Recipe, owner: str) -> list[Artefact]:
    return metric_artefacts(owner)


def _index(recipe: Recipe, owner: str) -> list[Artefact]:
    return [
        index_artefact(
            _index_folder(recipe),
            _repo_id(recipe.push.hub_index_id or f"{_name(recipe)}-bm25", owner),
            data=_data_keys(recipe),
            license=_source_license(recipe),
            language=recipe.push.hub_languages,
        )
    ]


def _space(recipe: Recipe, owner: str) -> list[Artefact]:
    keys = recipe.push
    pushed = "model" in keys.artefacts and not keys.merge_adapter
    return [
        space_artefact(
            recipe.output_dir,
            _repo_id(keys.hub_space_id or f"{_name(recipe)}-app", owner),
            data=_data_keys(recipe),
            base_model=keys.hub_base_model or "",
            adapter=_model_id(recipe, owner) if pushed else "",
            trained=recipe.model_folder,
            license=_source_license(recipe),
            method=recipe.method.recipe_keys() if not recipe.method.method.trains else None,
        )
    ]


_BUILDERS: dict[str, Callable[[Recipe, str], list[Artefact]]] = {
    "dataset": _dataset,
    "model": _model,
    "metrics": _metrics,
    "index": _index,
    "space": _space,
    "retriever": _retriever,
}


def _index_folder(recipe: Recipe) -> Path:
    """The folder of the BM25 index over the training corpus, which is built if it was not stored."""
    part, kept = part_of(recipe, "train"), recipe.retrieval.index_dir
    folder = Path(kept) / "train" if kept else recipe.output_dir / "hub" / "index"
    if recipe.retrieval.retriever not in ("bm25", "hybrid"):
        what = f"the artefact index is a BM25 index, but retriever is {recipe.retrieval.retriever!r}"
        raise UserError(what, "leave index out of artefacts")
    if part.corpus == "questions":
        raise UserError("there is no index, because passages came with the questions", "leave index out of artefacts")
    passages = Shortening(recipe.retrieval).passages(corpus_passages(part))
    BM25Retriever.build_or_load(passages, folder)
    return folder


def _data_keys(recipe: Recipe) -> dict[str, Any]:
    return asdict(recipe.data) | effective_keys(recipe.retrieval)


# names


def _dataset_id(recipe: Recipe, owner: str) -> str:
    return _repo_id(recipe.push.hub_dataset_id or f"{_name(recipe)}-demonstrations", owner)


def _model_id(recipe: Recipe, owner: str) -> str:
    variant = f"-{recipe.train.variant}" if recipe.train.variant else ""
    return _repo_id(recipe.training.hub_model_id or _name(recipe) + variant, owner)


def _source_license(recipe: Recipe) -> str:
    """The licence of the source text, if it is set. Without it, a dry run shows `other` for passages of your own."""
    return recipe.push.source_license or ("other" if recipe.push.dry_run and not recipe.data.only_embedded else "")


def _repo_id(name: str, owner: str) -> str:
    return name if "/" in name else f"{owner}/{name}"


def _name(recipe: Recipe) -> str:
    """The name of the run's folder, as a name on the Hub."""
    return repository_name(recipe.output_dir.resolve().name)


def repository_name(folder: str) -> str:
    """Convert the name of a folder to a valid name on the Hub.

    Example:
        >>> repository_name("my run (2)"), repository_name("--")
        ('my-run-2', 'selfdemo')
    """
    return re.sub(r"[^A-Za-z0-9_.]+|\.{2,}", "-", folder).strip("-.")[:80] or "selfdemo"
