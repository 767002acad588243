"""A trained retriever as a repository that sentence-transformers, PEFT and this package can load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from hf_selfdemo.core.artefacts import Training
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.remade import remade
from hf_selfdemo.generation.models import load_model, load_tokenizer, resolve_model
from hf_selfdemo.generation.representations import SENTENCE_FILES, Reading, with_adapter
from hf_selfdemo.generation.tuned import base_name
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.card import checked_id, write_card
from hf_selfdemo.hub.weights import base_id, config_file, is_commit, tokenizer_files, weight_files
from hf_selfdemo.methods.method import METHOD_FILE, recorded_method
from hf_selfdemo.training.decisive import told_keys

_TERMS = ("similarity_temperature", "preference_weight", "preference_temperature", "invariance_weight")
"""Settings of the loss, which the card lists."""


def retriever_artefact(
    run: Path,
    repo_id: str,
    *,
    base_model: str = "",
    license: str = "",
    language: Sequence[str] = ("en",),
    merge_adapter: bool = False,
    folder: Path | None = None,
) -> Artefact:
    """Make a repository of a retriever: weights, tokenizer, files of sentence-transformers, and a card.

    Args:
        run: the run's folder, which contains `retriever`.
        repo_id: owner and name of the repository.
        base_model: Hub id of the base model; default: its name in training.
        license: licence of the model.
        language: ISO codes.
        merge_adapter: push the full model without a head, with the adapter merged into its base.
        folder: folder for merged weights; default: `hub/retriever` in the run.

    Raises:
        UserError: if the run has no finished training of a retriever, or the base has no Hub id.
    """
    checked_id(repo_id)
    source, whole = run / "retriever", None
    if not (source / "manifest.json").exists():
        remedy = "run `hf-selfdemo train` with objective: retriever first"
        raise UserError(f"{source} contains no finished training of a retriever", remedy)
    manifest = read_json(source / "manifest.json", Training, "base", "settings", "rows_trained")
    base = base_id(source, manifest["base"], base_model)
    reading = Reading.load(source)
    if merge_adapter:
        whole = folder or run / "hub" / "retriever"
        _merge(source, whole, manifest["settings"].get("base", ""))
    card = _card(repo_id, base, manifest, reading, merge_adapter, license, language, recorded_method(source))
    files: dict[str, Path | str] = {"README.md": card, METHOD_FILE: source / METHOD_FILE}
    files |= {name: source / name for name in SENTENCE_FILES}
    files |= config_file(whole or source, "" if whole else base)
    files |= weight_files(source, whole)
    files |= {name: text for name, text in tokenizer_files(source).items() if name != "generation_config.json"}
    what = "merged weights" if whole else "adapter"
    return Artefact("retriever", repo_id, "model", files, f"Add {what} of a retriever, trained on its ranked lists")


def _merge(source: Path, target: Path, fingerprint: str) -> None:
    """Write the base model with the adapter merged into it, without its head, to `target`.

    Raises:
        UserError: if the base cannot be found or has changed since training.
    """
    base = resolve_model(base_name(source), fingerprint if is_commit(fingerprint) else "main")
    if fingerprint and base.fingerprint != fingerprint:
        raise UserError(f"{base.name} has changed since the adapter was trained", "leave merge_adapter out")
    body: Any = with_adapter(load_model(base), load_tokenizer(base), source, "").body
    with remade(target) as staging:
        body.save_pretrained(staging)


def _card(
    repo_id: str,
    base: str,
    manifest: Mapping[str, Any],
    reading: Reading,
    whole: bool,
    license: str,
    language: Sequence[str],
    chosen: Any,
) -> str:
    settings = manifest["settings"]
    data = ModelCardData(
        model_name=repo_id.partition("/")[2],
        base_model=base,
        language=list(language),
        library_name="sentence-transformers",
        license=license or None,
        pipeline_tag="sentence-similarity",
        tags=["self-demo", "rag", "retrieval", "sentence-transformers"] + ([] if whole else ["lora", "peft"]),
        base_model_relation="finetune" if whole else "adapter",
    )
    told = told_keys(settings) | {key: settings[key] for key in _TERMS if key in settings}
    card = write_card(
        "retriever",
        data.to_dict(),
        repo_id=repo_id,
        base=base,
        whole=whole,
        rows=manifest["rows_trained"],
        reading=reading,
        method=chosen.name if chosen else "",
        recipe={"model_name_or_path": base} | told,
        versions=manifest["versions"],
        license=license,
    )
    ModelCard(card)  # raises if the metadata cannot be read back
    return card
