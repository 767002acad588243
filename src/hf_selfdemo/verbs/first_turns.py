"""Counts over the first requests of dialogues. They are counted one by one, so none is kept in memory."""

from __future__ import annotations

import os
import random
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hf_selfdemo.core.types import COUNTS, Dialogue, Request


class FirstTurns:
    """Counts over the first-turn requests of rows. Nothing is sent.

    Args:
        turns: the first-turn requests of each row, in the order of the rows. It is iterated once.

    Example:
        >>> request = Request("q1", ({"role": "user", "content": "Who?"},), "rag")
        >>> turns = FirstTurns([[request, request], []])
        >>> turns.calls, turns.characters, turns.most
        (Counter({'rag': 2}), Counter({'rag': 8}), 2)
    """

    def __init__(self, turns: Iterable[Sequence[Request]]) -> None:
        self.calls: Counter[str] = Counter()
        self.characters: Counter[str] = Counter()
        self.shared: Counter[str] = Counter()
        self.replies: Counter[str] = Counter()
        self.longest = self.longest_reply = 0
        self._asked = array("L")
        for requests in turns:
            self._asked.append(len(requests))
            for request, length, shared in _with_shared(requests):
                self.calls[request.stage] += 1
                self.characters[request.stage] += length
                self.shared[request.stage] += shared
                self.replies[request.stage] += 0 if request.choices or _measured(request) else request.max_new_tokens
                self.longest = max(self.longest, length)
                self.longest_reply = max(self.longest_reply, request.max_new_tokens)

    @property
    def most(self) -> int:
        """The largest number of requests of a row."""
        return max(self._asked, default=0)

    def __bool__(self) -> bool:
        return self.calls.total() > 0

    def draw(self, count: int, seed: int) -> list[int]:
        """Draw rows for a measurement: one with the most requests, so that every stage occurs, and others at random.

        Args:
            count: number of rows; at least one is drawn.
            seed: seed of the draw.

        Returns:
            The positions of the rows.
        """
        first = self._asked.index(self.most)
        others = [place for place, asked in enumerate(self._asked) if asked and place != first]
        return [first, *random.Random(seed).sample(others, min(max(count, 1) - 1, len(others)))]

    def counted(self, characters: float) -> dict[str, dict[str, int]]:
        """Calls and tokens by stage if all were asked. The common prefix of a row's prompts counts as cached.

        Args:
            characters: characters per token.
        """
        return {
            stage: dict(
                zip(
                    COUNTS,
                    (
                        calls,
                        round(self.characters[stage] / characters),
                        round(self.shared[stage] / characters),
                        self.replies[stage],
                    ),
                    strict=True,
                )
            )
            for stage, calls in self.calls.items()
        }


def first_turn(dialogue: Dialogue[Any]) -> list[Request]:
    """The first requests of a dialogue, without sending them."""
    try:
        return list(next(dialogue))
    except StopIteration:
        return []


def _measured(request: Request) -> str:
    """The text that the model reads after the prompt: the beginning of a reply, or texts to score."""
    begun = "".join(part.text for part in request.begun)
    return begun + request.scored + request.contrasted + "".join(request.openings)


def _with_shared(requests: Sequence[Request]) -> Iterator[tuple[Request, int, int]]:
    """The requests of a row, their length in characters, and how many of these an earlier request shares."""
    groups: dict[str, list[tuple[Request, str]]] = {}
    for request in requests:
        text = "".join(message["content"] for message in request.messages) + _measured(request)
        groups.setdefault(request.share or request.id, []).append((request, text))
    for group in groups.values():
        shared = len(os.path.commonprefix([text for _, text in group]))  # noqa: RUF071  # texts, not paths
        for place, (request, text) in enumerate(group):
            yield request, len(text), shared if place else 0
