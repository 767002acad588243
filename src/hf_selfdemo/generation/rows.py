"""Requests as rows of token ids, for models that run in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.prefixes import Prefix
from hf_selfdemo.prompting.added_tokens import encode_segments, token_ids
from hf_selfdemo.prompting.chat import encode_opening, encode_prompt, encode_response

T = TypeVar("T")

WORTH = 32
"""The fewest tokens that a shared prefix must save, because computing it takes an extra forward pass."""


@dataclass(slots=True, eq=False)
class Row:
    """A request with its index in the caller's sequence, the token ids of its prompt, and those of texts to score.

    The states of the first `start` tokens are in `past`. `paid` of these tokens were computed for this row and count as
    its cost. The prompt ends with the begun reply, if there is one. `added` are the ids of the method's own tokens.
    """

    index: int
    request: Request
    ids: list[int]
    texts: list[list[int]]
    past: Prefix | None = None
    start: int = 0
    paid: int = 0
    added: tuple[int, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether the model writes or chooses, rather than only scoring texts."""
        return not (self.request.scored or self.request.openings or self.request.contrasted)

    @property
    def uses(self) -> int:
        """How often the states of the prompt are used."""
        return len(self.texts) + self.writes

    @property
    def needed(self) -> int:
        """The number of tokens that the model's context must have room for."""
        written = self.request.max_new_tokens if self.writes and not self.request.choices else 0
        return len(self.ids) + max(written, *map(len, self.texts), 0)

    def cost(self, written: int = 0) -> tuple[int, int, int]:
        """Numbers of tokens: of prompt and scored texts, of those that were reused, and of those written.

        The prompt's last token is run with a scored text and not counted.
        """
        prompt = len(self.ids) - (not self.writes) + sum(map(len, self.texts))
        return prompt, self.start - self.paid, written

    def too_long(self, limit: int) -> Reply:
        """The error reply of a row that needs more than `limit` tokens."""
        name = self.request.id
        if not self.writes:
            return Reply("", "error", error=f"scoring {name!r} needs {self.needed} tokens, but the model takes {limit}")
        return Reply(
            "",
            "error",
            error=f"the prompt {name!r} needs {len(self.ids)} + {self.needed - len(self.ids)} tokens, but the model "
            f"takes {limit}: show fewer or shorter passages (passages_per_question, max_passage_words)",
        )


def row_of(tokenizer: Any, index: int, request: Request) -> Row:
    """The row of a request.

    Args:
        tokenizer: a tokenizer with a chat template.
        index: the index of the request.
        request: the request.

    Raises:
        UserError: if a text cannot be kept from becoming a control token, or the tokenizer lacks a token of the method.
    """
    name = f"call {request.id!r}"
    added = token_ids(tokenizer, request.added, name)
    begun_ids = encode_segments(tokenizer, request.begun, request.added, name)
    begun = request.openings or dict.fromkeys(request.avoid)
    texts = [encode_opening(tokenizer, text, name) for text in ([request.contrasted] if request.contrasted else begun)]
    if request.scored:
        texts = [encode_response(tokenizer, request.scored, name)]
    ids = [*encode_prompt(tokenizer, request.messages, name), *(token for part in begun_ids for token in part)]
    return Row(index, request, ids, texts, added=tuple(added))


def packed(items: Sequence[T], tokens: Sequence[int], size: int) -> Iterator[list[T]]:
    """Items in batches of at most `size`, longest first, with little padding in each batch.

    Args:
        items: the items to run through the model.
        tokens: the number of tokens of each item.
        size: the most items of a batch.

    Example:
        >>> list(packed("abcd", [300, 20, 290, 20], 3))
        [['a', 'c'], ['b', 'd']]
    """
    order = sorted(range(len(items)), key=lambda i: -tokens[i])
    batch: list[int] = []
    for i in order:
        real = sum(tokens[j] for j in batch) + tokens[i]
        padding = tokens[batch[0]] * (len(batch) + 1) - real if batch else 0
        if batch and (len(batch) == size or padding > max(real / 4, WORTH)):
            yield [items[j] for j in batch]
            batch = []
        batch.append(i)
    if batch:
        yield [items[j] for j in batch]
