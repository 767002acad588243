"""Dense retrieval: ranks passages by the cosine of their vector and the question's.

An encoder turns texts into vectors (`encoder.Encoder`). This module stores and searches the vectors of the passages. To
use another model, write a class with the three members of `Encoder` and pass an object of it:

    DenseRetriever(passages, MyEncoder())
    DenseRetriever.build_or_load(passages, folder, MyEncoder())
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from hf_selfdemo.core.artefacts import DenseIndex
from hf_selfdemo.core.console import progress
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import fingerprint, staged
from hf_selfdemo.core.protocols import check_contract
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.remade import alone
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.retrieval.encoder import Encoder, Vectors, title_and_text
from hf_selfdemo.data.retrieval.graph import VectorGraph, usearch
from hf_selfdemo.data.retrieval.saved_index import (
    SETTINGS,
    UnreadableIndex,
    corpus_fingerprint,
    put_index,
    read_index,
    readable,
    refuse_others,
)

EXACT_UP_TO = 1_000_000
"""The most passages of a corpus that is scanned completely for every question."""

_EMBEDDINGS, _GRAPH = "embeddings.npy", "graph.usearch"
_FORMAT = 1
_BLOCK = 1024
"""Passages that are encoded at once and then saved. An interrupted build loses at most so many."""

_SCORES_AT_ONCE = 1 << 26
"""The most numbers in a matrix of scores: 256 MiB."""

_ROUNDING = 1e-5
"""How far a product in single precision may differ from the exact one."""


class DenseRetriever:
    """Ranks passages by the cosine of their vector and the question's, best first.

    `Passage.score` is the cosine, from -1 to 1, rounded to six decimals. Passages with equal scores come in the order
    of their ids. A question finds `k` passages if the corpus has so many, and a blank question finds none. The search
    is exact up to a million passages. In a larger corpus, a graph (`graph.VectorGraph`) proposes passages. It may miss
    some, but the scores are exact.

    Args:
        passages: the corpus. Title and text are encoded together.
        encoder: turns texts into vectors.
        exact_up_to: the most passages of a corpus that is searched exactly.

    Raises:
        UserError: for an empty corpus, or an encoder that lacks a member or does not give one finite vector per text.
    """

    def __init__(self, passages: Sequence[Passage], encoder: Encoder, exact_up_to: int = EXACT_UP_TO) -> None:
        self.settings = _settings(passages, encoder, exact_up_to)
        self.passages: Sequence[Passage] = list(passages)
        self.encoder = encoder
        self.embeddings: Vectors = np.concatenate(list(_blocks(self.passages, encoder)))
        self._graph = VectorGraph.build(self.embeddings) if "graph" in self.settings else None

    def retrieve(self, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
        ONE_OR_MORE.check(k=k)
        asked = [question for question in questions if question.text.strip()]
        found = dict(zip(map(id, asked), self._search([question.text for question in asked], k), strict=True))
        return [found.get(id(question), ()) for question in questions]

    def _search(self, texts: list[str], k: int) -> Iterator[tuple[Passage, ...]]:
        if not texts:
            return
        k, step = min(k, len(self.passages)), max(1, _SCORES_AT_ONCE // len(self.passages))
        asked = _normalised(self.encoder.encode_questions(texts), texts, self.embeddings.shape[1])
        for start in range(0, len(texts), step):
            vectors = asked[start : start + step]
            near = self._graph.near(vectors, k) if self._graph else []
            if near and min(map(len, near)) == k:
                yield from (self._ranked(places, vector, k) for places, vector in zip(near, vectors, strict=True))
                continue
            for vector, scores in zip(vectors, np.asarray(vectors @ self.embeddings.T), strict=True):
                # passages that only rounding may have put below the k-th best are ranked too, by exact products
                places = np.flatnonzero(scores >= np.partition(scores, -k)[-k] - _ROUNDING)
                yield self._ranked(places, vector, k)

    def _ranked(self, places: Any, vector: Any, k: int) -> tuple[Passage, ...]:
        exact = self.embeddings[places].astype(np.float64) @ vector.astype(np.float64)
        scored = [(round(float(score), 6), self.passages[i]) for i, score in zip(places, exact, strict=True)]
        ranked = sorted(scored, key=lambda found: (-found[0], found[1].id))[:k]
        return tuple(Passage(p.id, p.text, p.title, score) for score, p in ranked)

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> DenseRetriever:
        """Open a saved index, memory-mapped.

        Args:
            folder: the folder of the index.
            encoder: the encoder that the index was built with.

        Raises:
            UserError: if `folder` contains no dense index, or one that was built with another encoder.
        """
        check_contract(encoder, Encoder, "encoder")
        retriever = cls.__new__(cls)
        retriever.encoder = encoder
        with readable(folder):
            retriever.settings, retriever.passages = read_index(folder, DenseIndex)
            retriever.embeddings = np.load(folder / _EMBEDDINGS, mmap_mode="r")
            if retriever.embeddings.ndim != 2 or len(retriever.embeddings) != len(retriever.passages):
                raise ValueError("the number of passages differs from the number of embeddings")
            if retriever.settings["format"] != _FORMAT:
                raise ValueError("another version of hf_selfdemo built it")
            retriever._graph = VectorGraph.load(folder / _GRAPH) if "graph" in retriever.settings else None
        if (built := retriever.settings["encoder"]) != encoder.identity:
            what = f"the index in {folder} was built with {built}, not with {encoder.identity}"
            raise UserError(what, "choose another folder, or delete this one to rebuild the index")
        return retriever

    @classmethod
    def build_or_load(
        cls, passages: Sequence[Passage], folder: Path, encoder: Encoder, exact_up_to: int = EXACT_UP_TO
    ) -> DenseRetriever:
        """Load the index in `folder` if it was built from these passages with this encoder, or else build it there.

        During the build, each block of vectors is saved beside the folder, and an interrupted build continues from
        there. A damaged index is rebuilt.

        Raises:
            UserError: if the folder contains other files, or an index of another corpus or encoder. That index is not
                replaced because it may have taken hours to build.
        """
        settings = _settings(passages, encoder, exact_up_to)
        if found := cls._built(settings, folder, encoder):
            return found
        with alone(folder) as staging:
            refuse_others(folder)
            if found := cls._built(settings, folder, encoder):  # another process may have built it meanwhile
                return found
            half = folder.parent / f".{folder.name}.{fingerprint(settings)}.half"
            half.mkdir(exist_ok=True)

            def write(new: Path) -> None:
                _write(new / _EMBEDDINGS, passages, encoder, half)
                if "graph" in settings:
                    VectorGraph.build(np.load(new / _EMBEDDINGS, mmap_mode="r")).save(new / _GRAPH)

            put_index(staging, folder, passages, settings, write)
            shutil.rmtree(half)
        return cls.load(folder, encoder)

    @classmethod
    def _built(cls, settings: dict[str, Any], folder: Path, encoder: Encoder) -> DenseRetriever | None:
        """The index in `folder`, or None if it is missing or damaged."""
        if not (folder / SETTINGS).exists():
            return None
        with suppress(UnreadableIndex):  # another process may be replacing it
            found = cls.load(folder, encoder)
            if found.settings != settings:
                what = f"the index in {folder} was built from another corpus or for another kind of search"
                raise UserError(what, "choose another folder, or delete this one to rebuild the index")
            return found
        return None


def _settings(passages: Sequence[Passage], encoder: Encoder, exact_up_to: int) -> dict[str, Any]:
    """The settings an index is built with. Two indexes with equal settings contain equal vectors."""
    check_contract(encoder, Encoder, "encoder")
    if not passages:
        raise UserError("the corpus is empty", "give a corpus with at least one passage")
    found = {"encoder": encoder.identity, "format": _FORMAT, "corpus": corpus_fingerprint(passages)}
    if len(passages) <= exact_up_to:
        return found
    usearch()  # raises if it is not installed, before anything is encoded
    return found | {"graph": "usearch"}


def _write(path: Path, passages: Sequence[Passage], encoder: Encoder, half: Path) -> None:
    """Write the vectors, with only one block in memory at a time."""
    out, start = None, 0
    for block in _blocks(passages, encoder, half):
        if out is None:
            shape = (len(passages), block.shape[1])
            out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        out[start : start + len(block)] = block
        start += len(block)
    assert out is not None and start == len(passages)
    out.flush()


def _blocks(passages: Sequence[Passage], encoder: Encoder, half: Path | None = None) -> Iterator[Vectors]:
    """The passages' vectors, block by block. Blocks that the folder `half` contains are not computed again."""
    dimensions = None
    with progress("encoding passages", len(passages)) as advance:
        for start in range(0, len(passages), _BLOCK):
            some = passages[start : start + _BLOCK]
            path = half / f"{start:09d}.npz" if half else None
            if (block := _kept(path) if path else None) is not None:
                advance(0, before=len(some))
            else:
                found = encoder.encode_passages([title_and_text(passage) for passage in some])
                block = _normalised(found, [passage.id for passage in some], dimensions)
                if path:
                    with staged(path) as staging, staging.open("wb") as out:
                        np.savez(out, vectors=block)
                advance(len(some))
            dimensions = block.shape[1]
            yield block


def _kept(path: Path) -> Vectors | None:
    """A saved block, or None if it is missing or damaged. The zip format has checksums that detect damage."""
    with suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        with np.load(path) as archive:
            found: Vectors = archive["vectors"]
        return found
    return None


def _normalised(vectors: Any, names: Sequence[str], dimensions: int | None) -> Vectors:
    """Scale vectors to length one. `names` are the names of the texts, for messages.

    Raises:
        UserError: if there is not one finite vector per text, each with `dimensions` dimensions.
    """
    found: Vectors = np.asarray(vectors, dtype=np.float32)
    if found.ndim != 2 or len(found) != len(names) or found.shape[1] != (dimensions or found.shape[1]):
        what = f"the encoder gave an array of shape {found.shape} for {len(names)} texts"
        size = f"{dimensions} dimensions" if dimensions else "the same number of dimensions"
        raise UserError(what, f"make the encoder return one row per text, always with {size}")
    if not (whole := np.isfinite(found).all(axis=1)).all():
        what = f"the encoder's vector of {names[int(np.argmin(whole))]!r} is not finite"
        raise UserError(what, "load the encoder in another dtype, or use another one")
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 0)
