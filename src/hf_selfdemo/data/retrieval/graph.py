"""Approximate nearest-neighbour search with usearch, for a corpus too large to be scanned for every question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.retrieval.encoder import Vectors

_BLOCK = 1 << 16
"""Number of vectors that are added at once."""

_LEAST_EXPANSION = 128
"""The fewest candidates that a search keeps. More candidates find more of the true neighbours."""


class VectorGraph:
    """A hierarchical navigable small-world graph (Malkov and Yashunin 2020) over vectors of length one.

    A search visits a small part of the corpus, and may miss a near vector.

    Args:
        index: an index of usearch.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: Vectors) -> VectorGraph:
        """Build a graph over the rows of a matrix.

        Raises:
            UserError: if usearch is not installed.
        """
        index = usearch().Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
        for start in range(0, len(vectors), _BLOCK):
            some = np.asarray(vectors[start : start + _BLOCK])
            index.add(np.arange(start, start + len(some), dtype=np.uint64), some)
        return cls(index)

    @classmethod
    def load(cls, path: Path) -> VectorGraph:
        """Open a saved graph, memory-mapped.

        Raises:
            UserError: if usearch is not installed.
            ValueError: if the file contains no graph.
        """
        index = usearch().Index.restore(str(path), view=True)
        if index is None:
            raise ValueError(f"{path.name} is not a usearch graph")
        return cls(index)

    def save(self, path: Path) -> None:
        """Write the graph to a file."""
        self._index.save(str(path))

    def near(self, vectors: Vectors, k: int) -> list[NDArray[np.int64]]:
        """The indices of `k` near rows for each vector, or fewer if the search finds fewer."""
        self._index.expansion_search = max(k, _LEAST_EXPANSION)
        found = self._index.search(vectors, k, threads=1)
        each = [found] if len(vectors) == 1 else found  # usearch returns no batch for a single row
        return [matches.keys.astype(np.int64) for matches in each]


def usearch() -> Any:
    """Import usearch, which builds the graphs.

    Raises:
        UserError: if it is not installed.
    """
    try:
        from usearch import index
    except ImportError:
        what = "dense retrieval in so many passages needs usearch"
        raise UserError(what, "pip install 'hf-selfdemo[dense]'") from None
    return index
