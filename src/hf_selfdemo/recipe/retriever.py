"""Make the retriever and the reranker of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hf_selfdemo.core.loading import load, load_own
from hf_selfdemo.core.manifest import fingerprint
from hf_selfdemo.core.protocols import Retriever, check_contract
from hf_selfdemo.core.types import Passage
from hf_selfdemo.data.retrieval import RETRIEVERS
from hf_selfdemo.data.retrieval.models import DEFAULT_ENCODER, find_model
from hf_selfdemo.data.retrieval.saved_index import corpus_fingerprint
from hf_selfdemo.recipe.config import RetrievalArguments
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.trained_retriever import is_trained_here, trained_encoder


def made_retriever(recipe: Recipe, part: str, passages: Sequence[Passage]) -> Retriever:
    """Make the retriever of a part, followed by the reranker if the recipe names one.

    Args:
        recipe: the recipe.
        part: "train", "dev" or "test".
        passages: the corpus; empty if passages come with the questions.

    Raises:
        UserError: if the retriever or a model is unknown or cannot be loaded, or the index is of another corpus.
    """
    keys = recipe.retrieval
    if not keys.reranker:
        return _first(recipe, part, passages)
    from hf_selfdemo.data.retrieval.reranked import CrossEncoderReranker, RerankedRetriever

    # loaded first, so that a wrong name is reported before the corpus is encoded
    reranker = CrossEncoderReranker(keys.reranker, recipe.training.trust_remote_code)
    return RerankedRetriever(_first(recipe, part, passages), reranker, keys.rerank_depth)


def effective_keys(keys: RetrievalArguments) -> dict[str, Any]:
    """The options of retrieval, without those of models that are not used.

    Example:
        >>> sorted(effective_keys(RetrievalArguments()).keys() & {"retriever", "retriever_model", "rerank_depth"})
        ['retriever']
        >>> effective_keys(RetrievalArguments(retriever="dense"))["retriever_model"]
        'sentence-transformers/all-MiniLM-L6-v2'
    """
    found = asdict(keys) | {"retriever_model": keys.retriever_model or DEFAULT_ENCODER}
    left_out = () if keys.retriever in ("dense", "hybrid") else _OF_ENCODER
    return {key: found[key] for key in found.keys() - set(left_out if keys.reranker else (*left_out, *_OF_RERANKER))}


def keeps_index(keys: RetrievalArguments) -> bool:
    """Whether the index is stored on disk."""
    return bool(keys.index_dir) or keys.retriever in ("dense", "hybrid")


def retrieval_settings(keys: RetrievalArguments) -> dict[str, Any]:
    """The settings that decide which passages are found in a corpus. Models are given with their fingerprints.

    Raises:
        UserError: if a model cannot be found.
    """
    found = effective_keys(keys)
    told = {key: found[key] for key in ("retriever", *_OF_ENCODER, *_OF_RERANKER) if found.get(key) is not None}
    return told | {key: str(find_model(told[key], key)) for key in ("retriever_model", "reranker") if key in told}


_OF_ENCODER = ("retriever_model", "retriever_query_prompt", "retriever_passage_prompt")
_OF_RERANKER = ("reranker", "rerank_depth")


def _first(recipe: Recipe, part: str, passages: Sequence[Passage]) -> Retriever:
    """The retriever without the reranker."""
    name = recipe.retrieval.retriever
    if ":" not in name:
        return _known(recipe, part, passages)
    made: Retriever = load_own("retriever", name)(passages)
    check_contract(made, Retriever, f"retriever {name}")
    return made


def _known(recipe: Recipe, part: str, passages: Sequence[Passage]) -> Retriever:
    keys = recipe.retrieval
    kind = load("retriever", keys.retriever, RETRIEVERS)
    made: Retriever
    if keys.retriever == "given":
        made = kind()
    elif keys.retriever == "dense":
        made = _dense(recipe, passages)
    elif keys.retriever == "hybrid":
        made = kind([_bm25(keys, part, passages), _dense(recipe, passages)])
    else:
        made = _bm25(keys, part, passages)
    return made


def _bm25(keys: RetrievalArguments, part: str, passages: Sequence[Passage]) -> Retriever:
    from hf_selfdemo.data.retrieval.bm25 import BM25Retriever

    if not keys.index_dir:
        return BM25Retriever(passages)
    return BM25Retriever.build_or_load(passages, Path(keys.index_dir) / part)


def _dense(recipe: Recipe, passages: Sequence[Passage]) -> Retriever:
    """Each encoder and corpus has an index of its own, so parts can share one and none replaces another."""
    from hf_selfdemo.data.retrieval.dense import DenseRetriever

    keys, encoder = recipe.retrieval, _encoder(recipe)
    name = f"dense-{fingerprint([encoder.identity, corpus_fingerprint(passages)])}"
    return DenseRetriever.build_or_load(passages, Path(keys.index_dir or recipe.output_dir / "index") / name, encoder)


def _encoder(recipe: Recipe) -> Any:
    """The encoder that `retriever_model` names."""
    from hf_selfdemo.data.retrieval.encoder import SentenceEncoder

    keys = recipe.retrieval
    if is_trained_here(keys.retriever_model):
        return trained_encoder(recipe)
    return SentenceEncoder(
        keys.retriever_model or DEFAULT_ENCODER,
        keys.retriever_query_prompt,
        keys.retriever_passage_prompt,
        recipe.training.trust_remote_code,
    )
