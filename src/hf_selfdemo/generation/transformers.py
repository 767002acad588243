"""Generation in process with transformers: length-sorted batches, shared prompt prefixes prefilled once.

Nine candidates of one question repeat its passages nine times. Requests that carry the same `share` key are laid in
one batch, the tokens they have in common are run through the model once, and the key-value cache is handed to every
one of them; only what differs is prefilled again. The common part is found on token ids, since cutting the text
would change the tokens at the seam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from hf_selfdemo.chat import encode_prompt, stop_token_id
from hf_selfdemo.errors import UserError
from hf_selfdemo.generation.cache import block_cache
from hf_selfdemo.generation.sampling import Sampler
from hf_selfdemo.padding import left_pad, positions
from hf_selfdemo.types import Candidate, Request, Usage

_SHRINK_AT = 0.75
"""The batch is repacked when no more than this share of it is still being written; repacking copies the cache once."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A request with its place in the caller's sequence and its prompt's token ids."""

    index: int
    request: Request
    ids: list[int]


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows whose prompts begin with the same `prefix` tokens (0: they share nothing and are prefilled whole)."""

    rows: list[_Row]
    prefix: int


class TransformersGenerator:
    """The `Generator` over a causal language model of transformers.

    Args:
        model: in evaluation mode, on its device; an adapter may be attached.
        tokenizer: with a chat template.
        batch_size: rows decoded at once.
        share_prefixes: prefill what requests with one `share` key have in common once. Same greedy texts either way.
        max_prompt_tokens: prompts longer than this are refused; default is the model's context length.
        on_progress: called with the number of finished requests after each batch.

    Of the model's generation config only the stop tokens are used: what is sampled, and how, the request says.

    Relations: identical prompts with different seeds are the extreme case of sharing: all but one token is reused.

    Determinism: on one machine and one library version a request's text depends on its messages, temperature and
    seed. Rounding differs between batch shapes, so that, rarely, a near tie falls the other way; on GPUs more often.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        batch_size: int = 16,
        share_prefixes: bool = True,
        max_prompt_tokens: int | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.share_prefixes = share_prefixes
        context: int = getattr(model.config, "max_position_embeddings", 2048)
        self.max_prompt_tokens = max_prompt_tokens or context
        self.on_progress = on_progress
        self.usage = Usage()
        self._stop_ids = {stop_token_id(tokenizer)} | _as_set(model.generation_config.eos_token_id)

    def generate(self, requests: Sequence[Request]) -> list[Candidate]:
        """Answer every request, in order.

        Raises:
            UserError: if a prompt and its reply cannot fit the model's context; it names the request.
        """
        rows = [_Row(i, r, encode_prompt(self.tokenizer, r.messages)) for i, r in enumerate(requests)]
        for row in rows:
            if len(row.ids) + row.request.max_new_tokens > self.max_prompt_tokens:
                raise UserError(
                    f"the prompt of row {row.request.id!r} needs {len(row.ids)} + {row.request.max_new_tokens} "
                    f"tokens and the model takes {self.max_prompt_tokens}",
                    "set max_passage_words (100, say) or show fewer passages_per_question",
                )
        texts: list[Candidate | None] = [None] * len(rows)
        for batch in self._batches(rows):
            members = [row for group in batch for row in group.rows]
            for row, (text, finish_reason) in zip(members, self._decode(batch), strict=True):
                texts[row.index] = Candidate(text, row.request.source, row.request.prompt, finish_reason)
            if self.on_progress:
                self.on_progress(len(members))
        return [text for text in texts if text is not None]

    def _batches(self, rows: list[_Row]) -> Iterator[list[_Group]]:
        """Groups of like length packed into batches of at most `batch_size` rows; larger groups are split."""
        by_share: dict[str, list[_Row]] = {}
        for row in rows:
            key = row.request.share if self.share_prefixes and row.request.share else f"\0{row.index}"
            by_share.setdefault(key, []).append(row)
        groups = []
        for members in by_share.values():
            for start in range(0, len(members), self.batch_size):
                part = members[start : start + self.batch_size]
                groups.append(_Group(part, _common_prefix([row.ids for row in part]) if len(part) > 1 else 0))
        groups.sort(key=lambda g: (g.prefix == 0, -max(len(row.ids) for row in g.rows), g.rows[0].index))
        batch: list[_Group] = []
        for group in groups:
            size = sum(len(g.rows) for g in batch)
            mixed = bool(batch) and (batch[0].prefix == 0) != (group.prefix == 0)
            if batch and (size + len(group.rows) > self.batch_size or mixed):
                yield batch
                batch = []
            batch.append(group)
        if batch:
            yield batch

    @torch.inference_mode()
    def _decode(self, batch: list[_Group]) -> list[tuple[str, str]]:
        """Prefill, then one token a row a step; rows that have ended leave the batch and cost nothing more."""
        rows = [row for group in batch for row in group.rows]
        cache, mask = self._prefill(batch)
        ids, mask = self._append(mask, [row.ids[group.prefix :] for group in batch for row in group.rows])
        sampler = Sampler([r.request.temperature for r in rows], [r.request.seed for r in rows])
        written: list[list[int]] = [[] for _ in rows]
        live = list(range(len(rows)))  # rows in the batch, in order; some may just have ended
        while True:
            logits = self._forward(ids, mask, cache)
            for row, token in zip(live, sampler.pick(logits, live), strict=True):
                if not self._ended(written[row], rows[row]):
                    written[row].append(token)
            going = [i for i, row in enumerate(live) if not self._ended(written[row], rows[row])]
            if not going:
                break
            if len(going) <= _SHRINK_AT * len(live):
                picks = torch.tensor(going, device=mask.device)
                cache.batch_select_indices(picks)
                mask, live = mask[picks], [live[i] for i in going]
            ids, mask = self._append(mask, [[written[row][-1]] for row in live])
        self._count(rows, batch)
        return [self._read(tokens) for tokens in written]

    def _prefill(self, batch: list[_Group]) -> tuple[DynamicCache, torch.Tensor]:
        """Run each group's prefix once and hand its cache to all of the group's rows."""
        device = self.model.device
        cache = block_cache(self.model.config)
        if batch[0].prefix == 0:
            return cache, torch.empty((sum(len(g.rows) for g in batch), 0), dtype=torch.long, device=device)
        nothing = torch.empty((len(batch), 0), dtype=torch.long, device=device)
        ids, mask = self._append(nothing, [group.rows[0].ids[: group.prefix] for group in batch])
        self._forward(ids, mask, cache)
        owner = torch.tensor([i for i, group in enumerate(batch) for _ in group.rows], device=device)
        cache.batch_select_indices(owner)
        return cache, mask[owner]

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """Logits after the last column of `ids`, which continue what the cache holds."""
        output = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions(mask)[:, -ids.shape[1] :],
            past_key_values=cache,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def _append(self, mask: torch.Tensor, new: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """`new` as left-padded ids, and the mask with their columns added."""
        ids, real = (t.to(self.model.device) for t in left_pad(new, self._pad_id))
        return ids, torch.cat([mask, real], dim=1)

    def _ended(self, tokens: list[int], row: _Row) -> bool:
        return len(tokens) >= row.request.max_new_tokens or (bool(tokens) and tokens[-1] in self._stop_ids)

    def _read(self, tokens: list[int]) -> tuple[str, str]:
        """Text and finish reason of what was written, and its account."""
        self.usage.generated_tokens += len(tokens)
        stopped = tokens[-1] in self._stop_ids
        text = self.tokenizer.decode(tokens[:-1] if stopped else tokens, skip_special_tokens=True).strip()
        return text, "stop" if stopped else "length"

    def _count(self, rows: list[_Row], batch: list[_Group]) -> None:
        total = sum(len(row.ids) for row in rows)
        cached = sum(group.prefix * (len(group.rows) - 1) for group in batch)
        self.usage.calls += len(rows)
        self.usage.prompt_tokens += total
        self.usage.cached_tokens += cached
        self.usage.prefilled_tokens += total - cached
        for row in rows:
            self.usage.by_source[row.request.source] = self.usage.by_source.get(row.request.source, 0) + 1

    @property
    def _pad_id(self) -> int:
        return self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else min(self._stop_ids)


def _common_prefix(sequences: list[list[int]]) -> int:
    """How many leading tokens all sequences share, leaving at least one token of each to be prefilled on its own."""
    longest = min(len(ids) for ids in sequences) - 1
    first = sequences[0]
    for i in range(longest):
        if any(ids[i] != first[i] for ids in sequences):
            return i
    return max(0, longest)


def _as_set(token_ids: int | list[int] | None) -> set[int]:
    if token_ids is None:
        return set()
    return set(token_ids) if isinstance(token_ids, list) else {token_ids}
