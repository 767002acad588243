"""Requests on their way through a model in process."""

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
"""Tokens that a shared prefix must save: a forward pass of its own has a price too."""


@dataclass(slots=True, eq=False)
class Row:
    """A request with its place in the caller's sequence, its prompt's token ids, and those of the texts it measures.

    The states of the first `start` tokens are in `past`. Of these, `paid` were computed on this row's account. A begun
    reply stands at the end of the prompt. `added` are the ids of a method's own tokens.
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
        """Whether a token is picked, rather than texts measured alone."""
        return not (self.request.scored or self.request.openings or self.request.contrasted)

    @property
    def uses(self) -> int:
        """How often the states of the prompt are gone on from."""
        return len(self.texts) + self.writes

    @property
    def needed(self) -> int:
        """Tokens that the model must take for it."""
        written = self.request.max_new_tokens if self.writes and not self.request.choices else 0
        return len(self.ids) + max(written, *map(len, self.texts), 0)

    def cost(self, written: int = 0) -> tuple[int, int, int]:
        """Tokens of prompt and measured texts, those of them that were not computed again, and those written.

        A text is measured after the prompt's last token, which is run with it.
        """
        prompt = len(self.ids) - (not self.writes) + sum(map(len, self.texts))
        return prompt, self.start - self.paid, written

    def too_long(self, limit: int) -> Reply:
        """The error that it gets where the model takes only so many tokens."""
        name = self.request.id
        if not self.writes:
            return Reply("", "error", error=f"to score {name!r} takes {self.needed} tokens and the model takes {limit}")
        return Reply(
            "",
            "error",
            error=f"the prompt {name!r} needs {len(self.ids)} + {self.needed - len(self.ids)} tokens and the model "
            f"takes {limit}; show fewer or shorter passages (passages_per_question, max_passage_words)",
        )


def row_of(tokenizer: Any, index: int, request: Request) -> Row:
    """The row of a request.

    Args:
        tokenizer: with a chat template.
        index: its place.
        request: what is asked.

    Raises:
        UserError: if a text becomes a control token whatever is done, or the tokenizer lacks a token of the method.
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
    """Items in batches of at most `size`, most tokens first, so that little of a batch is padding.

    Args:
        items: to be run through the model.
        tokens: that each has.
        size: rows in a batch.

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
