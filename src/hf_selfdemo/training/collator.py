"""Structured demonstration rows to tensors, rendered when the batch is made.

Because a passage is still a passage here, things can be done that flat text does not allow: each epoch shows a row from
another side (`views.py`), and a prompt that is too long loses passages, never the question or the answer.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Message, Mode, Passage
from hf_selfdemo.data.rows import rejected_of
from hf_selfdemo.generation.padding import PAD, left_pad, positions
from hf_selfdemo.methods.answering import PROMPTED, single_prompt
from hf_selfdemo.prompting.chat import encode_prompt, encode_response
from hf_selfdemo.scoring.normalise import normalise
from hf_selfdemo.training.row_kinds import REPLY, RowKind, encode_row, row_kind
from hf_selfdemo.training.views import KINDS, View, Views

IGNORED = -100


class EncodedRow(NamedTuple):
    """Token ids of one view; `response` and `rejected` end with the stop token.

    `dropped` passages were cut to fit the budget; `lost_answer`: none that is left holds the answer that the row gives.
    `messages` are what the prompt was made of, `passages` those in it. Of a row that is not a reply to its question
    `shown` is what the model reads in place of `response`, and `supervised` says which tokens of prompt and response
    have a loss.
    """

    prompt: list[int]
    response: list[int]
    rejected: list[int] | None
    kind: str
    dropped: int = 0
    lost_answer: bool = False
    messages: tuple[Message, ...] = ()
    shown: list[int] | None = None
    supervised: list[bool] | None = None
    passages: tuple[Passage, ...] = ()

    @property
    def shown_ids(self) -> list[int]:
        """What the model reads."""
        return self.prompt + (self.response if self.shown is None else self.shown)

    @property
    def labels(self) -> list[int]:
        """What it learns, as many as it reads; `IGNORED` where nothing."""
        if self.supervised is None:
            return [IGNORED] * len(self.prompt) + self.response
        ids = self.prompt + self.response
        return [token if loss else IGNORED for token, loss in zip(ids, self.supervised, strict=True)]


@dataclass
class SelfDemoDataCollator:
    """Renders demonstrations into batches, for supervised training or, with `preference`, for DPO.

    Supervised: `input_ids`, `attention_mask`, `position_ids`, `labels` and `kinds`, each (batch, tokens), int64. Rows
    are padded on the left, so that all responses end in the last column and logits are needed for few columns alone;
    `labels` are -100 but for the response and the token that ends the turn; `kinds` index `KINDS`. With `padding_free`
    all rows stand behind each other in one, (1, tokens), without a mask: for attention that takes position ids for
    borders (Flash Attention, and transformers' own masks for sdpa).

    Preference: `input_ids`, `attention_mask`, `position_ids` and `completion_mask`, each (2 * batch, tokens), the
    preferred texts first, as TRL's `DataCollatorForPreference` has it; `kinds` is (batch,). Columns `ref_chosen_logps`
    and `ref_rejected_logps` of the rows become (batch,) floats.

    Both hold `ids`, the rows' names, for messages.

    The prompt is the answerer's, with the passages of the view or without any. Prompt and response are encoded apart,
    so no token straddles their border. Gold answers serve to find the passages that hold them; they are never shown.

    Args:
        tokenizer: with a chat template.
        max_length: longest row in tokens; passages go until it fits, the last retrieved first. None: no limit.
        passage_order: see `Views`, as are the next three.
        passage_dropout: chance of a passage to be left out.
        leave_gold_out_share: share of answering rows turned into abstentions.
        closed_book_share: share of rows shown without passages.
        preference: make pairs.
        padding_free: no padding; supervised rows only.
        seed: of all draws; the same (seed, epoch, row id) always gives the same view, whatever the batch or worker.
        answerer: how the model will be asked; it must have a single prompt.
        tokens: control tokens that the method adds, of which trusted segments consist; the tokenizer must have them.

    Raises:
        ValueError: for a row that does not fit even without a passage, whose response is empty or, in a pair, equals
            what it is to be preferred to; it names the row.
        UserError: for a number out of range.
    """

    tokenizer: Any
    max_length: int | None = 2048
    passage_order: str = "as_retrieved"
    passage_dropout: float = 0.0
    leave_gold_out_share: float = 0.0
    closed_book_share: float = 0.0
    preference: bool = False
    padding_free: bool = False
    seed: int = 0
    answerer: Answerer = PROMPTED
    tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.preference and (self.padding_free or self.closed_book_share):
            raise ValueError(
                "pairs are padded and shown with passages: padding_free and closed_book_share are not for DPO"
            )
        if self.max_length is not None:
            ONE_OR_MORE.check(max_length=self.max_length)
        self.views = Views(
            self.passage_order, self.passage_dropout, self.leave_gold_out_share, self.closed_book_share, self.seed
        )
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """Set by the trainer as training goes on; in shared memory, so that workers started earlier see it too."""
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def plain(self) -> SelfDemoDataCollator:
        """The same without anything that changes by epoch: passages as retrieved, none left out but for length."""
        plain = replace(self, passage_order="as_retrieved", passage_dropout=0.0)
        return replace(plain, leave_gold_out_share=0.0, closed_book_share=0.0)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        encoded = [self.encode(row) for row in rows]
        ids = [str(row["id"]) for row in rows]
        if self.preference:
            return self._pairs(encoded) | _reference(rows) | {"ids": ids}
        return (self._in_one(encoded) if self.padding_free else self._padded(encoded)) | {"ids": ids}

    def encode(self, row: Mapping[str, Any]) -> EncodedRow:
        """One row as tokens, in the view of this epoch, with as many of its passages as fit."""
        kind = row_kind(row)
        if kind is not REPLY:
            return self._text(row, kind)
        view = self.views.of(row, self.epoch)
        response, rejected = self._texts(row, view)
        longest = max(len(response), len(rejected or ()))
        mode: Mode = "closed_book" if view.kind == "closed_book" else "rag"
        for dropped in range(len(view.passages) + 1):
            gone = set(view.spare[:dropped])
            shown = [passage for place, passage in enumerate(view.passages) if place not in gone]
            messages = single_prompt(row["question"], shown, mode, self.answerer)
            prompt = encode_prompt(self.tokenizer, messages, f"row {row['id']!r}")
            if self.max_length is None or len(prompt) + longest <= self.max_length:
                lost = bool(view.holding) and view.holding <= gone
                return EncodedRow(
                    prompt, response, rejected, view.kind, dropped, lost, tuple(messages), passages=tuple(shown)
                )
        raise ValueError(
            f"row {row['id']!r} needs {len(prompt) + longest} tokens without any passage and max_length is "
            f"{self.max_length}: raise max_length or drop the row"
        )

    def _text(self, row: Mapping[str, Any], kind: RowKind) -> EncodedRow:
        """A row that is not a reply to its question. Nothing of it is left out; what is replaced changes by epoch."""
        if kind.ranks:
            raise ValueError(f"row {row['id']!r} is a list of passages and no text: train it with objective retriever")
        if self.preference:
            raise ValueError(f"row {row['id']!r} is of the kind {row['kind']!r} and makes no pair: drop it")
        if not (row.get("response") or "").strip():
            raise ValueError(f"row {row['id']!r} has an empty response: drop it")
        rng = random.Random(stable_seed(self.seed, f"{self.epoch}/{row['id']}/noise"))
        found = encode_row(self.tokenizer, row, kind, rng, self.tokens)
        length = len(found.prompt) + len(found.ids)
        if self.max_length is not None and length > self.max_length:
            raise ValueError(
                f"row {row['id']!r} needs {length} tokens and max_length is {self.max_length}: raise max_length or "
                "drop the row"
            )
        supervised = [kind.trains_prompt] * len(found.prompt) + found.supervised
        return EncodedRow(
            found.prompt, found.ids, None, "text", messages=found.messages, shown=found.shown, supervised=supervised
        )

    def _texts(self, row: Mapping[str, Any], view: View) -> tuple[list[int], list[int] | None]:
        if not (view.response or "").strip():
            raise ValueError(f"row {row['id']!r} has an empty response: drop it")
        response = encode_response(self.tokenizer, view.response, f"row {row['id']!r}")
        if not self.preference:
            return response, None
        if len(rejected_of(row)) > 1:
            raise ValueError(f"row {row['id']!r} holds several pairs: make a row of each with pair_rows")
        if not view.rejected.strip():
            raise ValueError(f"row {row['id']!r} has no rejected text: drop it")
        if normalise(view.rejected) == normalise(view.response):
            raise ValueError(f"row {row['id']!r} prefers a text to itself: drop it")
        return response, encode_response(self.tokenizer, view.rejected, f"row {row['id']!r}")

    def _padded(self, rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
        input_ids, mask = left_pad([row.shown_ids for row in rows], PAD)
        labels, _ = left_pad([row.labels for row in rows], IGNORED)
        kinds = torch.tensor([[KINDS.index(row.kind)] for row in rows]).expand_as(labels).contiguous()
        return {
            "input_ids": input_ids,
            "attention_mask": mask,
            "position_ids": positions(mask),
            "labels": labels,
            "kinds": kinds,
        }

    def _in_one(self, rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
        lengths = [len(row.prompt) + len(row.response) for row in rows]
        columns = {
            "input_ids": [token for row in rows for token in row.shown_ids],
            "position_ids": [place for length in lengths for place in range(length)],
            "labels": [label for row in rows for label in row.labels],
            "kinds": [KINDS.index(row.kind) for row, length in zip(rows, lengths, strict=True) for _ in range(length)],
        }
        return {name: torch.tensor([values]) for name, values in columns.items()}

    def _pairs(self, rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
        sides = [(r.prompt, r.response) for r in rows] + [(r.prompt, r.rejected or []) for r in rows]
        input_ids, mask = left_pad([prompt + text for prompt, text in sides], PAD)
        completion, _ = left_pad([[0] * len(prompt) + [1] * len(text) for prompt, text in sides], 0)
        return {
            "input_ids": input_ids,
            "attention_mask": mask,
            "position_ids": positions(mask),
            "completion_mask": completion,
            "kinds": torch.tensor([KINDS.index(row.kind) for row in rows]),
        }


def _reference(rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    names = [name for name in ("ref_chosen_logps", "ref_rejected_logps") if name in rows[0]]
    return {name: torch.tensor([float(row[name]) for row in rows]) for name in names}
