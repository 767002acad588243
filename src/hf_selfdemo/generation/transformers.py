"""Generation in process with transformers: length-sorted batches, and no token computed twice while it is still held.

Nine candidates of one question, their second turns and the judge repeat the passages over and over. What the requests
of one `share` key have in common is run through the model once, and kept (`prefixes.py`) for those that come later; a
second turn goes on from the states of the first. Common beginnings are found on token ids, since cutting the text would
change the tokens at the seam.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import torch
from transformers import DynamicCache

from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.cache import cache_with, can_drop_rows, can_reuse, cut
from hf_selfdemo.generation.identity import model_identity
from hf_selfdemo.generation.last_logits import last_logits
from hf_selfdemo.generation.likelihood import scored_replies
from hf_selfdemo.generation.padding import PAD, left_pad, positions
from hf_selfdemo.generation.prefixes import Prefix, PrefixStore, common_length
from hf_selfdemo.generation.sampling import Sampler
from hf_selfdemo.generation.thoughts import opened_thought, settled, thought_markers
from hf_selfdemo.prompting.chat import check_vocabulary, encode_prompt, encode_response, stop_token_id

T = TypeVar("T")

_SHRINK_AT = 0.75
"""The batch is repacked when no more than this share of it is still being written; repacking copies the cache once."""

_CHUNK = 4
"""Batches whose shared prefixes are computed before any of them is decoded, so that rows can be sorted by length."""

_WORTH = 32
"""Tokens that a shared prefix must save: a forward pass of its own has a price too."""

_TAIL = 16
"""Tokens at the end of a prompt among which it may open a thought."""


@dataclass(slots=True, eq=False)
class _Row:
    """A request with its place in the caller's sequence and its prompt's token ids.

    The states of the first `start` tokens are in `past`. Of these, `paid` were computed on this row's account.
    """

    index: int
    request: Request
    ids: list[int]
    past: Prefix | None = None
    start: int = 0
    paid: int = 0


class TransformersGenerator:
    """The `Generator` over a causal language model of transformers.

    Args:
        model: in evaluation mode, on its device or spread over several (`device_map`); an adapter may be attached.
        tokenizer: with a chat template.
        batch_size: rows decoded at once.
        share_prefixes: compute what prompts have in common once. Same greedy texts either way. Models with sliding
            windows or recurrent layers never share.
        prefix_cache_gb: memory for prefixes of earlier requests, in GB.
        max_prompt_tokens: prompts that need more than this are answered with an error; default is the model's context.

    Raises:
        UserError: if the tokenizer writes tokens that the model does not have, or a number is out of range.

    Of the model's generation config only the stop tokens are used: what is sampled, and how, the request says.

    Relations: `RecordedGenerator` keeps what it writes; `ServerGenerator` has an engine of its own.

    Determinism: on one machine and one library version a request's text depends on its messages, temperature and
    seed. Rounding differs between batch shapes, so that, rarely, a near tie falls the other way; on GPUs more often.
    """

    concurrency = 1

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        batch_size: int = 16,
        share_prefixes: bool = True,
        prefix_cache_gb: float = 1.0,
        max_prompt_tokens: int | None = None,
    ) -> None:
        ONE_OR_MORE.check(batch_size=batch_size)
        NOT_NEGATIVE.check(prefix_cache_gb=prefix_cache_gb)
        if max_prompt_tokens is not None:
            ONE_OR_MORE.check(max_prompt_tokens=max_prompt_tokens)
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.share_prefixes = share_prefixes and can_reuse(model.config)
        context: int = getattr(model.config, "max_position_embeddings", 2048)
        self.max_prompt_tokens = max_prompt_tokens or context
        check_vocabulary(tokenizer, model.config)
        self._prefixes = PrefixStore(int(prefix_cache_gb * 1e9))
        self._stop_ids = {stop_token_id(tokenizer)} | _as_set(model.generation_config.eos_token_id)
        special = {i: token.content for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        markers = thought_markers(special.values())
        self._markers = {i for i, text in special.items() if text in markers}
        self._unseen = special.keys() - self._markers

    @cached_property
    def identity(self) -> str:
        """Made when first asked for, since that takes a pass over all weights."""
        return model_identity(self.model, self.tokenizer)

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        scoring = [i for i, r in enumerate(requests) if r.scored]
        texts = [requests[i] for i in scoring]
        replies = scored_replies(self.model, self.tokenizer, texts, self.batch_size, self.max_prompt_tokens)
        yield from zip(scoring, replies, strict=True)
        writing = [(i, r) for i, r in enumerate(requests) if not r.scored]
        rows = [_Row(i, r, encode_prompt(self.tokenizer, r.messages, f"call {r.id!r}")) for i, r in writing]
        fitting = []
        for row in rows:
            needed = len(row.ids) + (0 if row.request.choices else row.request.max_new_tokens)
            if needed > self.max_prompt_tokens:
                yield row.index, _too_long(row, self.max_prompt_tokens)
            else:
                fitting.append(row)
        for chunk in self._chunks(fitting):
            if self.share_prefixes:
                self._compute_shared(chunk)
            for batch in self._batches(chunk):
                yield from self._decode(batch)

    def _chunks(self, rows: list[_Row]) -> Iterator[list[_Row]]:
        """Rows of one share key together, about `_CHUNK` batches at a time."""
        groups: dict[str, list[_Row]] = {}
        for row in rows:
            groups.setdefault(row.request.share or f"\0{row.index}", []).append(row)
        chunk: list[_Row] = []
        for group in groups.values():
            if chunk and len(chunk) + len(group) > _CHUNK * self.batch_size:
                yield chunk
                chunk = []
            chunk += group
        if chunk:
            yield chunk

    def _compute_shared(self, rows: list[_Row]) -> None:
        """Find what is held already, and compute what the rows of each share key have in common beyond it."""
        groups: dict[str, list[_Row]] = {}
        for row in rows:
            if row.request.share:
                row.past, row.start = self._prefixes.find(row.request.share, row.ids)
                groups.setdefault(row.request.share, []).append(row)
        leaders = []
        for group in groups.values():
            common = min(common_length([row.ids for row in group]), *(len(row.ids) - 1 for row in group))
            behind = [row for row in group if row.start < common]
            if sum(common - row.start for row in behind[1:]) >= _WORTH:
                leaders.append((behind, common))
        for batch in packed(leaders, [common - group[0].start for group, common in leaders], self.batch_size):
            self._extend(batch)

    @torch.inference_mode()
    def _extend(self, groups: list[tuple[list[_Row], int]]) -> None:
        """Compute the states of each group's common tokens, on its first row's account, and give them to all."""
        first = [group[0] for group, _ in groups]
        new = [row.ids[row.start : common] for row, (_, common) in zip(first, groups, strict=True)]
        cache, mask = self._past(first)
        ids, mask = self._append(mask, new)
        self._forward(ids, mask, cache)
        for i, (group, common) in enumerate(groups):
            row, width = first[i], mask.shape[1]
            states = cut(cache, i, width - len(new[i]), width)
            prefix = Prefix(row.ids[:common], row.start, states, row.past)
            self._prefixes.add(row.request.share, prefix)
            row.paid = common - row.start
            for member in group:
                member.past, member.start = prefix, common

    def _batches(self, rows: list[_Row]) -> Iterator[list[_Row]]:
        """Rows of like cost: what only chooses apart from what writes, of like length and with as much to compute."""
        for choosing in (False, True):
            part = [row for row in rows if bool(row.request.choices) == choosing]
            part.sort(key=lambda row: (-len(row.ids), row.index))
            yield from packed(part, [len(row.ids) - row.start for row in part], self.batch_size)

    @torch.inference_mode()
    def _decode(self, rows: list[_Row]) -> Iterator[tuple[int, Reply]]:
        """One token a row a step; rows that have ended leave the batch and cost nothing more."""
        cache, mask = self._past(rows)
        ids, mask = self._append(mask, [row.ids[row.start :] for row in rows])
        width = mask.shape[1]
        sampler = Sampler([r.request.temperature for r in rows], [r.request.seed for r in rows])
        written: list[list[int]] = [[] for _ in rows]
        live = list(range(len(rows)))  # rows in the batch, in order; some may just have ended
        going = live
        while going:
            logits = self._forward(ids, mask, cache)
            picked = sampler.pick(logits, live)
            for place in [place for place, i in enumerate(live) if i in going]:
                row, tokens = rows[live[place]], written[live[place]]
                tokens.append(picked[place])
                if row.request.choices:
                    yield row.index, self._choice(row, logits[place])
                elif self._ended(tokens, row):
                    self._keep(row, tokens[:-1], cache, place, width)
                    yield row.index, self._text(row, tokens)
            going = [i for i in going if not (rows[i].request.choices or self._ended(written[i], rows[i]))]
            if going and len(going) <= _SHRINK_AT * len(live) and can_drop_rows(cache):
                places = torch.tensor([live.index(i) for i in going])  # a CPU index serves tensors on any device
                cache.batch_select_indices(places)
                mask, live = mask[places.to(mask.device)], going
            ids, mask = self._append(mask, [written[i][-1:] for i in live])

    def _past(self, rows: list[_Row]) -> tuple[DynamicCache, torch.Tensor]:
        """A cache that begins with what is held of each row, and its attention mask."""
        cache = cache_with(self.model.config, [(row.past, row.start) for row in rows])
        width = max(row.start for row in rows)
        mask = [[0] * (width - row.start) + [1] * row.start for row in rows]
        return cache, torch.tensor(mask, dtype=torch.long, device=self.model.device).reshape(len(rows), width)

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """Logits after the last column of `ids`, which continue what the cache holds."""
        places = positions(mask)[:, -ids.shape[1] :]
        logits = last_logits(
            self.model, 1, input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache
        )
        return logits[:, -1]

    def _append(self, mask: torch.Tensor, new: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """`new` as left-padded ids, and the mask with their columns added."""
        ids, real = (t.to(self.model.device) for t in left_pad(new, PAD))
        return ids, torch.cat([mask, real], dim=1)

    def _keep(self, row: _Row, tokens: list[int], cache: DynamicCache, place: int, width: int) -> None:
        """Hold on to the states of a row that another request will go on from; `width` columns were its prompt's."""
        request = row.request
        if self.share_prefixes and request.keep and request.share:
            own = cut(cache, place, width - (len(row.ids) - row.start), width + len(tokens))
            self._prefixes.add(request.share, Prefix(row.ids + tokens, row.start, own, row.past))

    def _ended(self, tokens: list[int], row: _Row) -> bool:
        return len(tokens) >= row.request.max_new_tokens or (bool(tokens) and tokens[-1] in self._stop_ids)

    def _text(self, row: _Row, tokens: list[int]) -> Reply:
        stopped = tokens[-1] in self._stop_ids
        text = opened_thought(self.tokenizer.decode(row.ids[-_TAIL:]))
        text += self._decoded(tokens[:-1] if stopped else tokens).strip()
        cost = len(row.ids), row.start - row.paid, len(tokens)
        return settled(Reply(text, "stop" if stopped else "length", (), *cost))

    def _decoded(self, tokens: list[int]) -> str:
        """The text without special tokens, but for those that tell thoughts from the reply."""
        if self._markers.isdisjoint(tokens):
            text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        else:
            text = self.tokenizer.decode([token for token in tokens if token not in self._unseen])
        return text

    def _choice(self, row: _Row, logits: torch.Tensor) -> Reply:
        """The choice whose first token is likeliest to come next."""
        choices = row.request.choices
        firsts = [encode_response(self.tokenizer, choice)[0] for choice in choices]
        if len(set(firsts)) < len(firsts):
            raise ValueError(f"choices {choices} do not differ in their first token")
        scores = torch.log_softmax(logits.float(), -1)[firsts].tolist()
        best = choices[max(range(len(choices)), key=scores.__getitem__)]
        return Reply(best, "stop", tuple(scores), len(row.ids), row.start - row.paid, 0)


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
        if batch and (len(batch) == size or padding > max(real / 4, _WORTH)):
            yield [items[j] for j in batch]
            batch = []
        batch.append(i)
    if batch:
        yield [items[j] for j in batch]


def _too_long(row: _Row, limit: int) -> Reply:
    return Reply(
        "",
        "error",
        error=f"the prompt {row.request.id!r} needs {len(row.ids)} + {row.request.max_new_tokens} tokens and the model "
        f"takes {limit}; show fewer or shorter passages (passages_per_question, max_passage_words)",
    )


def _as_set(token_ids: int | list[int] | None) -> set[int]:
    if token_ids is None:
        return set()
    return set(token_ids) if isinstance(token_ids, list) else {token_ids}
