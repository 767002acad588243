"""A collator that adds the prompt to structured rows, for a trainer in which the model writes the replies."""

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
    """Adds two columns to rows: `prompt`, the messages of the with-passages prompt in the view of the epoch, and
    `evidence`, the row with the passages that this prompt shows.

    Demonstrated responses are ignored. Passage dropout never removes a passage that contains an accepted answer, and if
    the prompt is too long, such a passage is removed last.

    Args:
        max_new_tokens: tokens of `max_length` that are reserved for a reply or a session.
        num_generations: number of replies to each prompt.
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
        """Encode the prompt; placeholders as long as the longest reply stand for the response."""
        outcome = "answer" if row["answer_in_context"] else "abstain"
        return super().encode({**row, "mode": "rag", "outcome": outcome})

    def _texts(self, row: Mapping[str, Any], view: View) -> tuple[list[int], list[int] | None]:
        return [IGNORED] * self.max_new_tokens, None
