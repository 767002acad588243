"""A causal language model's own states as vectors of texts: that of the last token, normalised.

A folder with an adapter of such vectors holds the files by which sentence-transformers loads it, too. They are the
only place that says how texts become vectors: prompts, length, pooling.
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
"""Passages in one pass. Questions go one by one: other texts beside one change the last bits of its vector."""

_MODULES, _SHAPE, _PROMPTS = "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"
_POOLING = "1_Pooling/config.json"

SENTENCE_FILES = (_MODULES, _SHAPE, _PROMPTS, _POOLING)
"""What sentence-transformers reads beside weights and tokenizer."""


@dataclass(frozen=True)
class Reading:
    """How a text is read before its vector is taken.

    Args:
        question: stands before a question.
        passage: stands before a passage, its title and text in one.
        max_length: tokens that are read, the prompt among them; what comes after them is cut.
    """

    question: str = "Question: "
    passage: str = "Passage: "
    max_length: int = 256

    def save(self, folder: Path, dimensions: int) -> None:
        """Write it into the folder of an adapter or a model, for this package and for sentence-transformers.

        Args:
            folder: with the weights and the tokenizer.
            dimensions: of the vectors.
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
        """The way of reading that a folder tells.

        Raises:
            UserError: if it tells none.
        """
        if lacking := [name for name in SENTENCE_FILES if not (folder / name).exists()]:
            what = f"{folder} holds no trained retriever ({lacking[0]} is missing)"
            raise UserError(what, "name the `retriever` folder of a finished training")
        prompts = read_json(folder / _PROMPTS, SentencePrompts, "prompts")["prompts"]
        shape = read_json(folder / _SHAPE, SentenceShape, "max_seq_length")
        return cls(prompts.get("query", ""), prompts.get("document", ""), shape["max_seq_length"])


class Representations:
    """Turns texts into vectors with a model that reads from left to right.

    It is an encoder for `DenseRetriever`. Control tokens in a text stay text.

    Args:
        body: the model without its head, as `AutoModel` loads it, perhaps with an adapter.
        tokenizer: its tokenizer, with a chat template.
        reading: what stands before texts, and how much of them is read.
        identity: names weights and reading.
    """

    def __init__(self, body: Any, tokenizer: Any, reading: Reading | None = None, identity: str = "") -> None:
        self.body, self.tokenizer, self.identity = body, tokenizer, identity
        self.reading = reading or Reading()

    def token_ids(self, texts: Sequence[str], prompt: str) -> list[list[int]]:
        """Token ids of each text behind a prompt, no more of them than are read."""
        safe = [prompt + disarm(self.tokenizer, text) for text in texts]
        found: list[list[int]] = self.tokenizer(safe, truncation=True, max_length=self.reading.max_length)["input_ids"]
        return found

    def vectors(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """Vectors of texts, (texts, dimensions), float32, each of length one."""
        padded, mask = (tensor.to(self.body.device) for tensor in right_pad(ids, PAD))
        return last_states(self.body, padded, mask)

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of questions, shape (number of texts, dimensions)."""
        return self._encoded(texts, self.reading.question, 1)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages, title and text in one, of the same shape."""
        return self._encoded(texts, self.reading.passage, _AT_ONCE)

    @torch.inference_mode()
    def _encoded(self, texts: Sequence[str], prompt: str, at_once: int) -> NDArray[np.float32]:
        ids = self.token_ids(texts, prompt)
        order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))  # like lengths side by side
        found = np.empty((len(ids), self.body.config.get_text_config().hidden_size), dtype=np.float32)
        for start in range(0, len(order), at_once):
            picks = order[start : start + at_once]
            found[picks] = self.vectors([ids[i] for i in picks]).cpu().numpy()
        return found


def last_states(body: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The state of each text's last token, normalised; gradients pass.

    Args:
        body: a model without its head.
        ids: (texts, tokens), padded on the right.
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
        UserError: for a model whose layers cannot be had without it.
    """
    body = network.base_model
    if body is network:
        raise UserError(f"the layers of {type(network).__name__} cannot be used without its head", "take another model")
    body.name_or_path = network.name_or_path  # an adapter of it names the model by this
    return body


def with_adapter(network: Any, tokenizer: Any, folder: Path, identity: str) -> Representations:
    """The vectors that the adapter in a folder was trained for; it is merged into the network's own layers.

    Args:
        network: the causal language model that it was trained on.
        tokenizer: of that model.
        folder: of the adapter.
        identity: names model and adapter.

    Raises:
        UserError: if the folder holds no such adapter, or it does not fit the model.
    """
    from peft import PeftModel

    reading = Reading.load(folder)
    with explained(f"the adapter in {folder} cannot be loaded", "train it again, or bring back a copy"):
        body = PeftModel.from_pretrained(body_of(network), folder).merge_and_unload()
    return Representations(body.eval(), tokenizer, reading, f"{identity}, {reading}")
