"""A collator that renders structured demonstrations into tensors when a batch is made.

Passages are still separate here, which flat text does not allow. So each epoch can show a row in another way
(`views.py`), and a prompt that is too long loses passages, never the question or the answer.
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
    """Token ids of one view of a row; `response` and `rejected` end with the stop token.

    `dropped` is the number of passages that were removed to fit `max_length`; `lost_answer` says that no remaining
    passage contains the answer that the row gives. The prompt was made of `messages` and shows `passages`. For a row
    that is not a reply to its question, the model reads `shown` in place of `response`, and `supervised` says which
    tokens of prompt and response have a loss.
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
        """The token ids that the model reads."""
        return self.prompt + (self.response if self.shown is None else self.shown)

    @property
    def labels(self) -> list[int]:
        """One label for each token of `shown_ids`; `IGNORED` where there is no loss."""
        if self.supervised is None:
            return [IGNORED] * len(self.prompt) + self.response
        ids = self.prompt + self.response
        return [token if loss else IGNORED for token, loss in zip(ids, self.supervised, strict=True)]


@dataclass
class SelfDemoDataCollator:
    """Renders demonstrations into batches, for supervised training or, with `preference`, for DPO.

    A supervised batch has `input_ids`, `attention_mask`, `position_ids`, `labels` and `kinds`, each (batch, tokens),
    int64. Rows are padded on the left: all responses end in the last column, so that few columns need logits. `labels`
    are -100 except on the response and its stop token. `kinds` are indices into `KINDS`. With `padding_free` all rows
    are concatenated, (1, tokens), without a mask. Attention must then find the row borders by the position ids, as
    Flash Attention and transformers' masks for sdpa do.

    A preference batch has `input_ids`, `attention_mask`, `position_ids` and `completion_mask`, each
    (2 * batch, tokens), the preferred texts first, as in TRL's `DataCollatorForPreference`. `kinds` is (batch,). The
    columns `ref_chosen_logps` and `ref_rejected_logps` of the rows become (batch,) floats.

    Both have `ids`, the ids of the rows, for messages.

    The answerer makes the prompt, with the passages of the view or without any. Prompt and response are encoded
    separately, so that no token spans both. Gold answers only serve to find the passages that contain them; no prompt
    shows them.

    Args:
        tokenizer: a tokenizer with a chat template.
        max_length: longest row in tokens. A longer row loses passages, the last retrieved first. None: no limit.
        passage_order: order of the passages; see `Views` for this and the next three.
        passage_dropout: probability of leaving out a passage.
        leave_gold_out_share: share of answering rows turned into abstentions.
        closed_book_share: share of rows shown without passages.
        preference: make pairs.
        padding_free: concatenate rows instead of padding them; supervised rows only.
        seed: seed of all draws. The same seed, epoch and row id always give the same view, in any batch or worker.
        answerer: how the model will be prompted; it must have a single prompt.
        tokens: control tokens that the method adds and trusted segments consist of; the tokenizer must have them.

    Raises:
        ValueError: naming a row that does not fit even without passages, has an empty response, or has a rejected text
            that equals the response.
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
            raise ValueError("padding_free and closed_book_share do not work with pairs: leave both unset")
        if self.max_length is not None:
            ONE_OR_MORE.check(max_length=self.max_length)
        self.views = Views(
            self.passage_order, self.passage_dropout, self.leave_gold_out_share, self.closed_book_share, self.seed
        )
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """The current epoch, set by the trainer. It is in shared memory, so that workers already started see it."""
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def plain(self) -> SelfDemoDataCollator:
        """A copy whose rows look the same in every epoch: all passages as retrieved that fit `max_length`."""
        plain = replace(self, passage_order="as_retrieved", passage_dropout=0.0)
        return replace(plain, leave_gold_out_share=0.0, closed_book_share=0.0)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        encoded = [self.encode(row) for row in rows]
        ids = [str(row["id"]) for row in rows]
        if self.preference:
            return self._pairs(encoded) | _reference(rows) | {"ids": ids}
        return (self._in_one(encoded) if self.padding_free else self._padded(encoded)) | {"ids": ids}

    def encode(self, row: Mapping[str, Any]) -> EncodedRow:
        """Encode one row in the view of this epoch, with as many of its passages as fit."""
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
            f"row {row['id']!r} needs {len(prompt) + longest} tokens even without passages, more than max_length "
            f"{self.max_length}: raise max_length or drop the row"
        )

    def _text(self, row: Mapping[str, Any], kind: RowKind) -> EncodedRow:
        """Encode a row that is not a reply to its question. It is never shortened; its noise changes by epoch."""
        if kind.ranks:
            raise ValueError(f"row {row['id']!r} is a ranked list, not a text: train it with objective retriever")
        if self.preference:
            raise ValueError(f"row {row['id']!r} has the kind {row['kind']!r}, which has no pairs: drop it")
        if not (row.get("response") or "").strip():
            raise ValueError(f"row {row['id']!r} has an empty response: drop it")
        rng = random.Random(stable_seed(self.seed, f"{self.epoch}/{row['id']}/noise"))
        found = encode_row(self.tokenizer, row, kind, rng, self.tokens)
        length = len(found.prompt) + len(found.ids)
        if self.max_length is not None and length > self.max_length:
            raise ValueError(
                f"row {row['id']!r} needs {length} tokens, more than max_length {self.max_length}: raise max_length or "
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
            raise ValueError(f"row {row['id']!r} has several pairs: split it with pair_rows")
        if not view.rejected.strip():
            raise ValueError(f"row {row['id']!r} has no rejected text: drop it")
        if normalise(view.rejected) == normalise(view.response):
            raise ValueError(f"row {row['id']!r} has a rejected text that equals its response: drop it")
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
