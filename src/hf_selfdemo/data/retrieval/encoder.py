"""Turns texts into vectors: the protocol `Encoder` of dense retrieval, and an encoder from sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.types import Passage
from hf_selfdemo.data.retrieval.models import DEFAULT_ENCODER, find_model

Vectors = NDArray[np.float32]
"""One row per text."""


@runtime_checkable
class Encoder(Protocol):
    """Maps questions and passages into one vector space, in which a passage near a question is relevant to it.

    Implementations need not inherit from this class. They need not normalise vectors, since `DenseRetriever` does. The
    same text must give the same vector (up to rounding), whatever other texts are in the call.
    """

    @property
    def identity(self) -> str:
        """Identifies everything that affects a passage's vector: weights, prompt, length. A saved index records it."""
        ...

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions, shape (number of texts, dimensions)."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, each given as title and text in one, with as many dimensions as those of questions."""
        ...


def title_and_text(passage: Passage) -> str:
    """The text of a passage that is encoded: its title, then its text.

    Example:
        >>> title_and_text(Passage("1", "It is a metal.", "Germanium"))
        'Germanium It is a metal.'
    """
    return f"{passage.title} {passage.text}".strip()


class SentenceEncoder:
    """A bi-encoder of sentence-transformers (Reimers and Gurevych 2019).

    Args:
        model: a folder or a Hub id.
        query_prompt: the prefix of every question, such as "query: " for E5 or an instruction. None means the prefix in
            the model's configuration.
        passage_prompt: the same for passages.
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
    """Load a model of sentence-transformers, on the accelerator if there is one.

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
    remedy = f"give a model that the class {kind} of sentence-transformers can load"
    with explained(f"the model {where} cannot be loaded", remedy):
        return getattr(sentence_transformers, kind)(where, revision=revision, trust_remote_code=trust_remote_code)


def batch_size(model: Any) -> int:
    """The batch size at which a text's result does not depend on the other texts of its batch.

    Padding and different shapes change the last bits. One text at a time avoids this and costs little on a CPU.
    """
    return 1 if model.device.type == "cpu" else 32
