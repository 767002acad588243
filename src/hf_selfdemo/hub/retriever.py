"""A trained retriever as a repository that sentence-transformers, stock PEFT and this package load."""

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
"""Keys of the loss, which a card tells."""


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
    """What `objective: retriever` trained as a repository: weights, tokenizer, how texts are read, and a card.

    Args:
        run: the run's folder, with `retriever` in it.
        repo_id: owner and name of the repository.
        base_model: Hub id of the model that was trained on; by default as it was named in training.
        license: of the model.
        language: ISO codes.
        merge_adapter: whether the adapter goes up merged into its base, as a whole model without a head.
        folder: where merged weights are written; default is `hub/retriever` in the run.

    Raises:
        UserError: if no training of a retriever was finished there, or the base has no Hub id.
    """
    checked_id(repo_id)
    source, whole = run / "retriever", None
    if not (source / "manifest.json").exists():
        remedy = "run `hf-selfdemo train` with objective: retriever first"
        raise UserError(f"{source} holds no finished training of a retriever", remedy)
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
    """The adapter in its base, without the head, where `target` is.

    Raises:
        UserError: if the base cannot be found or is another than it was.
    """
    base = resolve_model(base_name(source), fingerprint if is_commit(fingerprint) else "main")
    if fingerprint and base.fingerprint != fingerprint:
        raise UserError(f"{base.name} is not what was trained on, as it is here", "push the adapter, without merging")
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
    ModelCard(card)  # raises where the metadata could not be read again
    return card
