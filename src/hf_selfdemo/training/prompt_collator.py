"""Structured rows with the prompt that the model is asked under, for a trainer that has it write the replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.data.rows import evidence_of
from hf_selfdemo.training.collator import IGNORED, EncodedRow, SelfDemoDataCollator
from hf_selfdemo.training.views import View


@dataclass
class PromptCollator(SelfDemoDataCollator):
    """Gives rows back with two columns more: `prompt`, the messages of the with-passages prompt in the view of the
    epoch, and `evidence`, the row with the passages that this prompt shows.

    What was demonstrated of a row does not count: a passage that holds an accepted answer is never left out, and is the
    last to go where the prompt is too long.

    Args:
        max_new_tokens: of a reply, or of a session; so many tokens of `max_length` are left to it.
        num_generations: replies to a prompt.
    """

    max_new_tokens: int = 32
    num_generations: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        ONE_OR_MORE.check(max_new_tokens=self.max_new_tokens, num_generations=self.num_generations)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:  # type: ignore[override]  # no tensors
        return [self._asked(row) for row in rows]

    def _asked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        found = self.encode(row)
        there = bool(row["answer_in_context"]) and not found.lost_answer
        evidence = replace(evidence_of(row), passages=found.passages, answer_in_context=there)
        return {**row, "prompt": list(found.messages), "evidence": evidence}

    def encode(self, row: Mapping[str, Any]) -> EncodedRow:
        """The prompt as tokens; in place of a response there is room for the longest reply."""
        outcome = "answer" if row["answer_in_context"] else "abstain"
        return super().encode({**row, "mode": "rag", "outcome": outcome})

    def _texts(self, row: Mapping[str, Any], view: View) -> tuple[list[int], list[int] | None]:
        return [IGNORED] * self.max_new_tokens, None
