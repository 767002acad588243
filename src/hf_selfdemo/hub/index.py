"""A saved BM25 index as a repository that bm25s itself can load, and this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from hf_selfdemo.core.artefacts import Index, IndexParameters
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.card import checked_id, is_hub_id, write_card
from hf_selfdemo.hub.licence import source_licence

_SETTINGS, _PASSAGES = "hf_selfdemo.json", "passages.jsonl"
_FILES = (
    _SETTINGS,
    _PASSAGES,
    "params.index.json",
    "vocab.index.json",
    "data.csc.index.npy",
    "indices.csc.index.npy",
    "indptr.csc.index.npy",
)


def index_artefact(
    folder: Path,
    repo_id: str,
    *,
    data: Mapping[str, Any] | None = None,
    license: str = "",
    language: Sequence[str] = ("en",),
) -> Artefact:
    """A folder that `BM25Retriever.save` wrote, with its passages, as a repository.

    `bm25s.hf.BM25HF.load_from_hub` reads it: the passages go up a second time under the name it wants, which costs no
    space, as the Hub keeps equal files once. So does `BM25Retriever.load` of a downloaded copy.

    Args:
        folder: of the index.
        repo_id: owner and name of the repository.
        data: the run's keys about questions and passages: which corpus it is of.
        license: of the passages; may be left out for the embedded corpus.
        language: ISO codes.

    Raises:
        UserError: if the folder holds no such index, or a licence must be named.

    Relations: bm25s' own `BM25HF.save_to_hub` makes a model repository, too.
    """
    checked_id(repo_id)
    missing = [name for name in _FILES if not (folder / name).exists()]
    if missing:
        raise UserError(f"{folder} holds no BM25 index ({missing[0]} is missing)", "set index_dir and demonstrate")
    corpus = (data or {}).get("train_corpus") or ""
    license = source_licence({"train_questions": [corpus], "train_corpus": corpus}, license)
    metadata = ModelCardData(
        language=list(language),
        license=license,
        library_name="bm25s",
        tags=["bm25", "bm25s", "retrieval", "search", "lexical", "rag", "self-demo"],
        datasets=[corpus] if "/" in corpus and is_hub_id(corpus) else None,
    )
    terms = len(read_json(folder / "vocab.index.json", dict[str, int]))
    card = write_card(
        "index",
        metadata.to_dict(),
        repo_id=repo_id,
        passages=read_json(folder / "params.index.json", IndexParameters)["num_docs"],
        terms=terms,
        settings=read_json(folder / _SETTINGS, Index),
        license=license,
        corpus=corpus if is_hub_id(corpus) else Path(corpus).name,
    )
    ModelCard(card)  # raises where the metadata could not be read again
    files: dict[str, Path | str] = {"README.md": card, "corpus.jsonl": folder / _PASSAGES}
    files |= {name: folder / name for name in _FILES}
    return Artefact("index", repo_id, "model", files, "Add a BM25 index and its passages")
