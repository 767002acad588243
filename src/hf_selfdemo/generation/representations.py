"""Uses a causal language model as a text encoder. A text's vector is the normalised state of its last token.

The folder of such an adapter also contains the files with which sentence-transformers loads it. Only they define how
texts become vectors: prompts, length and pooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from hf_selfdemo.core.artefacts import SentencePrompts, SentenceShape
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.manifest import read_json, write_json
from hf_selfdemo.generation.padding import PAD, right_pad
from hf_selfdemo.prompting.chat import disarm

_AT_ONCE = 16
"""Passages per batch. Questions are encoded one by one, since other texts in a batch change a vector's last bits."""

_MODULES, _SHAPE, _PROMPTS = "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"
_POOLING = "1_Pooling/config.json"

SENTENCE_FILES = (_MODULES, _SHAPE, _PROMPTS, _POOLING)
"""The files that sentence-transformers reads besides weights and tokenizer."""


@dataclass(frozen=True)
class Reading:
    """How a text is prepared before it is encoded.

    Args:
        question: the prefix of a question.
        passage: the prefix of a passage, which is title and text in one.
        max_length: the most tokens, including the prefix. Longer texts are truncated.
    """

    question: str = "Question: "
    passage: str = "Passage: "
    max_length: int = 256

    def save(self, folder: Path, dimensions: int) -> None:
        """Write it into the folder of an adapter or a model, for this package and for sentence-transformers.

        Args:
            folder: the folder with the weights and the tokenizer.
            dimensions: the number of dimensions of the vectors.
        """
        kinds = ("Transformer", "Pooling", "Normalize")
        paths = ("", _POOLING.partition("/")[0], "2_Normalize")
        write_json(
            folder / _MODULES,
            [
                {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                for i, (kind, path) in enumerate(zip(kinds, paths, strict=True))
            ],
        )
        write_json(folder / _SHAPE, {"max_seq_length": self.max_length, "do_lower_case": False})
        write_json(
            folder / _PROMPTS,
            {"prompts": {"query": self.question, "document": self.passage}, "similarity_fn_name": "cosine"},
        )
        (folder / _POOLING).parent.mkdir(exist_ok=True)
        write_json(
            folder / _POOLING,
            {
                "word_embedding_dimension": dimensions,
                "pooling_mode_cls_token": False,
                "pooling_mode_mean_tokens": False,
                "pooling_mode_lasttoken": True,
                "include_prompt": True,
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Reading:
        """Read the settings from a folder.

        Raises:
            UserError: if a file with the settings is missing.
        """
        if lacking := [name for name in SENTENCE_FILES if not (folder / name).exists()]:
            what = f"{folder} contains no trained retriever ({lacking[0]} is missing)"
            raise UserError(what, "give the `retriever` folder of a finished training")
        prompts = read_json(folder / _PROMPTS, SentencePrompts, "prompts")["prompts"]
        shape = read_json(folder / _SHAPE, SentenceShape, "max_seq_length")
        return cls(prompts.get("query", ""), prompts.get("document", ""), shape["max_seq_length"])


class Representations:
    """Turns texts into vectors with a causal language model. It is an encoder for `DenseRetriever`.

    Control tokens in a text are encoded as plain text.

    Args:
        body: the model without its head, as `AutoModel` loads it, with or without an adapter.
        tokenizer: its tokenizer, with a chat template.
        reading: the prefixes and the maximum length.
        identity: identifies weights and `reading`.
    """

    def __init__(self, body: Any, tokenizer: Any, reading: Reading | None = None, identity: str = "") -> None:
        self.body, self.tokenizer, self.identity = body, tokenizer, identity
        self.reading = reading or Reading()

    def token_ids(self, texts: Sequence[str], prompt: str) -> list[list[int]]:
        """The token ids of each text after the prefix `prompt`, truncated to the maximum length."""
        safe = [prompt + disarm(self.tokenizer, text) for text in texts]
        found: list[list[int]] = self.tokenizer(safe, truncation=True, max_length=self.reading.max_length)["input_ids"]
        return found

    def vectors(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """The vectors of texts, (texts, dimensions), float32, each of length one."""
        padded, mask = (tensor.to(self.body.device) for tensor in right_pad(ids, PAD))
        return last_states(self.body, padded, mask)

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of questions, shape (number of texts, dimensions)."""
        return self._encoded(texts, self.reading.question, 1)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages, each given as title and text in one, with as many dimensions as those of questions."""
        return self._encoded(texts, self.reading.passage, _AT_ONCE)

    @torch.inference_mode()
    def _encoded(self, texts: Sequence[str], prompt: str, at_once: int) -> NDArray[np.float32]:
        ids = self.token_ids(texts, prompt)
        order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))  # texts of similar length in one batch
        found = np.empty((len(ids), self.body.config.get_text_config().hidden_size), dtype=np.float32)
        for start in range(0, len(order), at_once):
            picks = order[start : start + at_once]
            found[picks] = self.vectors([ids[i] for i in picks]).cpu().numpy()
        return found


def last_states(body: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The normalised state of each text's last token. It is differentiable.

    Args:
        body: a model without its head.
        ids: token ids, shape (texts, tokens), padded on the right.
        mask: the same shape, 1 for real tokens.

    Returns:
        (texts, dimensions), float32, each of length one.
    """
    states = body(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    last = states[torch.arange(len(ids), device=states.device), mask.sum(1) - 1]
    return normalize(last.float(), dim=-1)


def body_of(network: Any) -> Any:
    """A causal language model without its head.

    Raises:
        UserError: for a model whose layers are not available without its head.
    """
    body = network.base_model
    if body is network:
        raise UserError(f"the layers of {type(network).__name__} cannot be used without its head", "use another model")
    body.name_or_path = network.name_or_path  # an adapter records its base model by this name
    return body


def with_adapter(network: Any, tokenizer: Any, folder: Path, identity: str) -> Representations:
    """The encoder of a trained adapter, which is merged into the layers of `network`.

    Args:
        network: the causal language model that the adapter was trained on.
        tokenizer: the tokenizer of that model.
        folder: the folder of the adapter.
        identity: identifies model and adapter.

    Raises:
        UserError: if the folder contains no such adapter, or the adapter does not fit the model.
    """
    from peft import PeftModel

    reading = Reading.load(folder)
    with explained(f"the adapter in {folder} cannot be loaded", "restore the folder from a copy, or train it again"):
        body = PeftModel.from_pretrained(body_of(network), folder).merge_and_unload()
    return Representations(body.eval(), tokenizer, reading, f"{identity}, {reading}")
