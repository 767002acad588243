"""A saved BM25 index as a repository that bm25s and this package can load."""

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
    """Make a repository from a folder that `BM25Retriever.save` wrote, with its passages.

    `bm25s.hf.BM25HF.load_from_hub` loads it, and `BM25Retriever.load` loads a downloaded copy. The passages are pushed
    under the file names of both. That takes no more space, because the Hub stores equal files once.

    Args:
        folder: the folder of the index.
        repo_id: owner and name of the repository.
        data: the run's options of questions and passages, which name the corpus.
        license: licence of the passages; not needed for the embedded corpus.
        language: ISO codes.

    Raises:
        UserError: if the folder contains no BM25 index, or the licence is unknown.

    Relations: bm25s' own `BM25HF.save_to_hub` makes a model repository, too.
    """
    checked_id(repo_id)
    missing = [name for name in _FILES if not (folder / name).exists()]
    if missing:
        raise UserError(f"{folder} contains no BM25 index ({missing[0]} is missing)", "set index_dir and demonstrate")
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
    ModelCard(card)  # raises if the metadata cannot be read back
    files: dict[str, Path | str] = {"README.md": card, "corpus.jsonl": folder / _PASSAGES}
    files |= {name: folder / name for name in _FILES}
    return Artefact("index", repo_id, "model", files, "Add a BM25 index and its passages")
