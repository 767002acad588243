"""Texts to vectors: the `Encoder` that dense retrieval searches with, and sentence-transformers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.types import Passage
from hf_selfdemo.data.retrieval.models import DEFAULT_ENCODER, find_model

Vectors = NDArray[np.float32]
"""One row a text."""


@runtime_checkable
class Encoder(Protocol):
    """Maps questions and passages into one space, in which near means relevant.

    Implementations need not inherit. Rows need not be normalised: `DenseRetriever` does that. The same text must give
    the same vector, whatever the other texts of the call are (up to rounding).
    """

    @property
    def identity(self) -> str:
        """Names all that decides the vector of a passage: weights, prompt, length. A saved index is known by it."""
        ...

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions, shape (number of texts, dimensions)."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, title and text in one, of the same shape."""
        ...


def title_and_text(passage: Passage) -> str:
    """What is encoded of a passage.

    Example:
        >>> title_and_text(Passage("1", "It is a metal.", "Germanium"))
        'Germanium It is a metal.'
    """
    return f"{passage.title} {passage.text}".strip()


class SentenceEncoder:
    """A bi-encoder of sentence-transformers (Reimers and Gurevych 2019).

    Args:
        model: a folder or a Hub id.
        query_prompt: what stands before every question, such as "query: " for E5, or an instruction; None for what the
            model's own configuration says.
        passage_prompt: the same before every passage.
        trust_remote_code: run code from the model's repository.

    Raises:
        UserError: if sentence-transformers is not installed, or the model cannot be found or loaded.
    """

    def __init__(
        self,
        model: str = DEFAULT_ENCODER,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        source = find_model(model, "retriever_model")
        self._model = loaded("SentenceTransformer", source.where, source.revision, trust_remote_code)
        self._query_prompt, self._passage_prompt = query_prompt, passage_prompt
        self._batch = batch_size(self._model)
        prompt = self._model.prompts.get("document", "") if passage_prompt is None else passage_prompt
        self.identity = f"{source}, at most {self._model.max_seq_length} tokens, passage prompt {prompt!r}"

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        return self._encoded(self._model.encode_query, texts, self._query_prompt, self._batch)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encoded(self._model.encode_document, texts, self._passage_prompt, 32)

    def _encoded(self, encode: Any, texts: Sequence[str], prompt: str | None, batch: int) -> Vectors:
        found: Vectors = encode(
            list(texts), prompt=prompt, batch_size=batch, show_progress_bar=False, convert_to_numpy=True
        )
        return found


def loaded(kind: str, where: str, revision: str | None, trust_remote_code: bool) -> Any:
    """A model of sentence-transformers, on the accelerator where there is one.

    Args:
        kind: the class, `SentenceTransformer` or `CrossEncoder`.
        where: a folder or a Hub id.
        revision: the commit of a Hub id.
        trust_remote_code: run code from the model's repository.

    Raises:
        UserError: if sentence-transformers is not installed, or the model cannot be loaded.
    """
    try:
        import sentence_transformers
    except ImportError:
        what = "dense retrieval and reranking need sentence-transformers"
        raise UserError(what, "pip install 'hf-selfdemo[dense]'") from None
    remedy = f"name a model that {kind} of sentence-transformers loads"
    with explained(f"the model {where} cannot be loaded", remedy):
        return getattr(sentence_transformers, kind)(where, revision=revision, trust_remote_code=trust_remote_code)


def batch_size(model: Any) -> int:
    """How many texts a model of sentence-transformers takes at once where the result must not depend on the others.

    Padding and other shapes change the last bits. On a processor one text at a time costs little and avoids this.
    """
    return 1 if model.device.type == "cpu" else 32
