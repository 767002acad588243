"""Lexical search over a corpus with bm25s: English stemming, exact and repeatable ranking, memory-mapped indexes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer

from hf_selfdemo.core.artefacts import Index
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, SHARE
from hf_selfdemo.core.remade import alone
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.retrieval.saved_index import (
    SETTINGS,
    corpus_fingerprint,
    put_index,
    read_index,
    readable,
    refuse_others,
)
from hf_selfdemo.scoring.normalise import normalise

_FORMAT = 2
"""Raise this number whenever tokenization changes. Indexes with another number are rebuilt."""


class BM25Retriever:
    """BM25 (Lucene's variant, Robertson et al. 1995) over passages.

    Title and text are searched together. `normalise` folds case, accents and hyphens of queries and passages, and words
    are stemmed. The settings are stored with the index, so a query is always tokenized like the corpus. Words end at
    blanks and punctuation. For languages without blanks between words (Chinese, Japanese, Thai) use another retriever.

    Args:
        passages: the corpus.
        k1: term saturation.
        b: length normalisation. The default is below the usual 0.75 because passages are short and of similar length.
        stemmer: a Snowball language, or "" for none.

    Raises:
        UserError: for an empty corpus or a number out of range; from `retrieve`, if `k` is below 1.

    Example:
        >>> corpus = [Passage("1", "The Seine flows through Paris."), Passage("2", "The Danube reaches the Black Sea.")]
        >>> [p.id for p in BM25Retriever(corpus).retrieve([Question("q", "Which sea does the Danube reach?")], k=9)[0]]
        ['2']
    """

    def __init__(self, passages: Sequence[Passage], k1: float = 0.9, b: float = 0.4, stemmer: str = "english") -> None:
        NOT_NEGATIVE.check(k1=k1)
        SHARE.check(b=b)
        if not passages:
            raise UserError("the corpus is empty", "give a corpus with at least one passage")
        self.passages: Sequence[Passage] = list(passages)
        self.settings = _settings(self.passages, k1, b, stemmer)
        # scipy sorts postings by counting, in half of numpy's memory
        self._index = bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy", csc_backend="scipy")
        tokens = self._tokens((f"{p.title} {p.text}" for p in self.passages), numbered=True)
        if not any(tokens.ids):
            raise UserError("no passage of the corpus contains a searchable word", "check the column `text`")
        self._index.index(tokens, show_progress=False)

    def retrieve(self, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
        ONE_OR_MORE.check(k=k)
        return [self._search(tokens, k) for tokens in self._tokens(q.text for q in questions)]

    def save(self, folder: Path) -> None:
        """Write index, passages and settings to `folder`, which appears complete or not at all.

        Raises:
            UserError: if `folder` contains other files, which would be lost.
        """
        with alone(folder) as staging:
            refuse_others(folder)
            self._put(staging, folder)

    def _put(self, staging: Path, folder: Path) -> None:
        put_index(staging, folder, self.passages, self.settings, lambda new: self._index.save(new, corpus=None))

    @classmethod
    def load(cls, folder: Path) -> BM25Retriever:
        """Open a saved index, memory-mapped, with the tokenizer settings it was built with.

        Raises:
            UserError: if `folder` contains no BM25 index.
        """
        retriever = cls.__new__(cls)
        with readable(folder):
            retriever.settings, retriever.passages = read_index(folder, Index)
            retriever._index = bm25s.BM25.load(folder, mmap=True, load_corpus=False)
            if retriever._index.scores["num_docs"] != len(retriever.passages):
                raise ValueError("the number of passages differs from the number in the index")
            if retriever.settings["format"] != _FORMAT:
                raise ValueError("an earlier version built it with another tokenization")
            if len(retriever._index.vocab_dict.keys() - {""}) + 1 != len(retriever._index.scores["indptr"]):
                raise ValueError("the vocabulary does not match the index")
        return retriever

    @classmethod
    def build_or_load(cls, passages: Sequence[Passage], folder: Path, **settings: Any) -> BM25Retriever:
        """Load the index in `folder` if it was built from these passages with these settings, else build it there."""
        with suppress(UserError):  # another process may be replacing it
            if found := cls._built(passages, folder, settings):
                return found
        retriever = cls(passages, **settings)
        with alone(folder) as staging:
            refuse_others(folder)
            if found := cls._built(passages, folder, settings):  # another process may have built it meanwhile
                return found
            retriever._put(staging, folder)
        return retriever

    @classmethod
    def _built(cls, passages: Sequence[Passage], folder: Path, settings: dict[str, Any]) -> BM25Retriever | None:
        """The index in `folder`, or None if it is missing or was built from other passages or with other settings."""
        found = cls.load(folder) if (folder / SETTINGS).exists() else None
        return found if found and found.settings == _settings(passages, **settings) else None

    def _tokens(self, texts: Iterable[str], numbered: bool = False) -> Any:
        """Lists of words, or of their numbers with the vocabulary beside, which takes less memory."""
        stemmer = Stemmer.Stemmer(self.settings["stemmer"]) if self.settings["stemmer"] else None
        return bm25s.tokenize(
            (normalise(text, by_letter=False) for text in texts),
            token_pattern=r"(?u)\b\w+\b",
            stopwords="en",
            stemmer=stemmer,
            return_ids=numbered,
            show_progress=False,
        )

    def _search(self, tokens: list[str], k: int) -> tuple[Passage, ...]:
        known = [token for token in tokens if token in self._index.vocab_dict]
        if not known:  # only stop words, or words that the corpus lacks
            return ()
        scores = self._index.get_scores(known)
        k = min(k, len(scores))
        threshold = np.partition(scores, -k)[-k]
        # all passages with the k-th best score enter the tie-break; the top-k of bm25s would drop some of them
        hits = np.flatnonzero((scores >= threshold) & (scores > 0))
        found = [(float(scores[i]), self.passages[i]) for i in map(int, hits)]
        ranked = sorted(found, key=lambda hit: (-hit[0], hit[1].id))[:k]
        return tuple(Passage(p.id, p.text, p.title, round(score, 4)) for score, p in ranked)


def _settings(passages: Sequence[Passage], k1: float = 0.9, b: float = 0.4, stemmer: str = "english") -> dict[str, Any]:
    """The settings an index is built with. Two indexes with equal settings give equal results."""
    return {"k1": k1, "b": b, "stemmer": stemmer, "format": _FORMAT, "corpus": corpus_fingerprint(passages)}
