"""Generation in process with transformers, in batches sorted by length and with prefix caching.

Nine candidates of one question, their second turns and the judge all contain the same passages. The common prefix of
requests with the same `share` key is computed once and cached (`prefixes.py`), and a second turn continues from the
states of the first. Common prefixes are found on token ids, since splitting the text would change the tokens there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch

from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE
from hf_selfdemo.core.types import FinishReason, Reply, Request
from hf_selfdemo.generation.avoiding import Avoided
from hf_selfdemo.generation.batch import Batch
from hf_selfdemo.generation.cache import can_reuse, cut
from hf_selfdemo.generation.divergence import word_divergences
from hf_selfdemo.generation.identity import model_identity
from hf_selfdemo.generation.likelihood import Begun, sharing, token_losses
from hf_selfdemo.generation.prefixes import Prefix, PrefixStore, common_length
from hf_selfdemo.generation.rows import WORTH, Row, packed, row_of
from hf_selfdemo.generation.sampling import Sampler
from hf_selfdemo.generation.thoughts import opened_thought, settled, thought_markers, without_thoughts
from hf_selfdemo.prompting.chat import check_vocabulary, encode_response, stop_token_id

_SHRINK_AT = 0.75
"""The batch is repacked when at most this share of its rows is unfinished. Repacking copies the cache once."""

_CHUNK = 4
"""Number of batches whose shared prefixes are computed before decoding, so that rows can be sorted by length."""

_TAIL = 16
"""Number of tokens at the end of a prompt that are searched for the opening tag of a thought."""


class TransformersGenerator:
    """The `Generator` over a causal language model of transformers.

    Args:
        model: a model in evaluation mode, on one device or several (`device_map`), with or without an adapter.
        tokenizer: its tokenizer, with a chat template.
        batch_size: the number of rows that are decoded at once.
        share_prefixes: compute common prefixes of prompts once. Greedy texts are the same with and without it. Models
            with sliding windows or recurrent layers never share prefixes.
        prefix_cache_gb: memory for the prefixes of earlier requests, in GB.
        max_prompt_tokens: longer prompts get an error as reply. The default is the length of the model's context.
        on_text: called after every token with the request and its reply so far, without thoughts.

    Raises:
        UserError: if the tokenizer has tokens that the model lacks, or a number is out of range.

    Only the stop tokens of the model's generation config are used. The request has the sampling parameters.

    On one machine and with one library version, a request's text depends on its messages, temperature and seed.
    Rounding differs between batch shapes, so a near tie may rarely be decided differently, on GPUs more often.
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
        on_text: Callable[[Request, str], None] | None = None,
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
        self._on_text = on_text
        self._prefixes = PrefixStore(int(prefix_cache_gb * 1e9))
        self._stop_ids = {stop_token_id(tokenizer)} | _as_set(model.generation_config.eos_token_id)
        special = {i: token.content for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        markers = thought_markers(special.values())
        self._markers = {i for i, text in special.items() if text in markers}
        self._unseen = special.keys() - self._markers

    @cached_property
    def identity(self) -> str:
        """Computed on first use, since it takes a pass over all weights."""
        return model_identity(self.model, self.tokenizer)

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        fitting = []
        for row in (row_of(self.tokenizer, i, request) for i, request in enumerate(requests)):
            if row.needed > self.max_prompt_tokens:
                yield row.index, row.too_long(self.max_prompt_tokens)
            else:
                fitting.append(row)
        yield from word_divergences(self.model, self.tokenizer, [row for row in fitting if row.request.contrasted])
        for chunk in self._chunks([row for row in fitting if not row.request.contrasted]):
            if self.share_prefixes:
                self._compute_shared(chunk)
            losses = self._measured([row for row in chunk if row.texts])
            yield from ((row.index, _likelihood(row, losses[row])) for row in chunk if not row.writes)
            for batch in self._batches([row for row in chunk if row.writes]):
                yield from self._decode(batch, [_avoided(row, losses.get(row, [])) for row in batch])

    def _chunks(self, rows: list[Row]) -> Iterator[list[Row]]:
        """Groups of rows, about `_CHUNK` batches at a time. Rows with the same share key stay together."""
        groups: dict[str, list[Row]] = {}
        for row in rows:
            groups.setdefault(row.request.share or f"\0{row.index}", []).append(row)
        chunk: list[Row] = []
        for group in groups.values():
            if chunk and len(chunk) + len(group) > _CHUNK * self.batch_size:
                yield chunk
                chunk = []
            chunk += group
        if chunk:
            yield chunk

    def _compute_shared(self, rows: list[Row]) -> None:
        """Find the cached prefix of each row, and compute longer prefixes that are used several times.

        These are the common prefix of rows with the same share key, and the prompt of a row that scores several texts.
        """
        groups: dict[str, list[Row]] = {}
        for row in rows:
            row.past, row.start = self._prefixes.find(row.request.share, row.ids)
            groups.setdefault(row.request.share or f"\0{row.index}", []).append(row)
        leaders = []
        for group in groups.values():
            common = min(common_length([row.ids for row in group]), *(len(row.ids) - 1 for row in group))
            behind = [row for row in group if row.start < common]
            if behind and sum((common - r.start) * r.uses for r in behind) - (common - behind[0].start) >= WORTH:
                leaders.append((behind, common))
        for batch in packed(leaders, [common - group[0].start for group, common in leaders], self.batch_size):
            self._extend(batch)

    @torch.inference_mode()
    def _extend(self, groups: list[tuple[list[Row], int]]) -> None:
        """Compute the states of each group's common tokens and give them to its rows. The first row bears the cost."""
        first = [group[0] for group, _ in groups]
        new = [row.ids[row.start : common] for row, (_, common) in zip(first, groups, strict=True)]
        batch = Batch(self.model, [(row.past, row.start) for row in first])
        batch.extend(new)
        for i, (group, common) in enumerate(groups):
            row = first[i]
            states = cut(batch.cache, i, batch.width - len(new[i]), batch.width)
            prefix = Prefix(row.ids[:common], row.start, states, row.past)
            if row.request.share:
                self._prefixes.add(row.request.share, prefix)
            row.paid = common - row.start
            for member in group:
                member.past, member.start = prefix, common

    def _measured(self, rows: Sequence[Row]) -> dict[Row, list[list[float]]]:
        """The loss in nats of each token of each row's texts."""
        begun = {row: Begun(row.ids, row.past, row.start) for row in rows}
        groups = [(row, group) for row in rows for group in sharing(row.texts)]
        lengths = [len(row.ids) - row.start for row, _ in groups]
        found: dict[Row, list[list[float]]] = {row: [[]] * len(row.texts) for row in rows}
        for batch in packed(groups, lengths, self.batch_size):
            texts = [(row, place) for row, group in batch for place in group]
            losses = token_losses(self.model, [(begun[row], row.texts[place]) for row, place in texts])
            for (row, place), loss in zip(texts, losses, strict=True):
                found[row][place] = loss
        return found

    def _batches(self, rows: list[Row]) -> Iterator[list[Row]]:
        """Batches of rows with similar lengths. Rows that choose and rows that write are not mixed."""
        for choosing in (False, True):
            part = [row for row in rows if bool(row.request.choices) == choosing]
            part.sort(key=lambda row: (-len(row.ids), row.index))
            yield from packed(part, [len(row.ids) - row.start for row in part], self.batch_size)

    @torch.inference_mode()
    def _decode(self, rows: list[Row], avoided: list[Avoided | None]) -> Iterator[tuple[int, Reply]]:
        """Decode one token per row and step. Finished rows are removed from the batch."""
        batch = Batch(self.model, [(row.past, row.start) for row in rows])
        new = [row.ids[row.start :] for row in rows]
        width = max(row.start for row in rows) + max(map(len, new))
        sampler = Sampler([r.request.temperature for r in rows], [r.request.seed for r in rows])
        written: list[list[int]] = [[] for _ in rows]
        nats: list[list[float]] = [[] for _ in rows]
        added: list[list[tuple[int, tuple[float, ...]]]] = [[] for _ in rows]

        def refused(i: int, token: int) -> bool:
            shunned = avoided[i]
            if shunned is None or self._ended(written[i], rows[i]):
                return False
            return shunned.refuses(without_thoughts(self._read(rows[i], [*written[i], token])))

        live = list(range(len(rows)))  # rows in the batch, in order; some may have finished
        going = live
        while going:
            logits = batch.extend(new)[:, -1].float()
            picked = sampler.pick(_steered(logits, [(avoided[i], written[i]) for i in live]), live, refused)
            losses = _nats(logits, picked)
            for place in [place for place, i in enumerate(live) if i in going]:
                i = live[place]
                row, tokens = rows[i], written[i]
                if row.added and (not tokens or picked[place] in row.added):
                    added[i].append((len(tokens), _logprobs(logits[place], row.added)))
                tokens.append(picked[place])
                nats[i].append(losses[place])
                if self._on_text and not row.request.choices:
                    self._on_text(row.request, without_thoughts(self._read(row, tokens)))
                if row.request.choices:
                    yield row.index, self._choice(row, logits[place])
                elif self._ended(tokens, row):
                    self._keep(row, tokens[:-1], batch, place, width)
                    yield row.index, replace(self._text(row, tokens, nats[i]), added=tuple(added[i]))
            going = [i for i in going if not (rows[i].request.choices or self._ended(written[i], rows[i]))]
            if going and len(going) <= _SHRINK_AT * len(live) and batch.can_pick:
                batch.pick([live.index(i) for i in going])
                live = going
            new = [written[i][-1:] for i in live]

    def _keep(self, row: Row, tokens: list[int], batch: Batch, place: int, width: int) -> None:
        """Cache the states of a row that another request continues. `width` is the number of columns of its prompt."""
        request = row.request
        if self.share_prefixes and request.keep and request.share:
            own = cut(batch.cache, place, width - (len(row.ids) - row.start), width + len(tokens))
            self._prefixes.add(request.share, Prefix(row.ids + tokens, row.start, own, row.past))

    def _ended(self, tokens: list[int], row: Row) -> bool:
        return len(tokens) >= row.request.max_new_tokens or (bool(tokens) and tokens[-1] in self._stop_ids)

    def _text(self, row: Row, tokens: list[int], nats: list[float]) -> Reply:
        end: FinishReason = "stop" if tokens[-1] in self._stop_ids else "length"
        logprob, told = -sum(nats) / len(tokens), _tokens(row, tokens, nats)
        return settled(Reply(self._read(row, tokens), end, (), *row.cost(len(tokens)), logprob=logprob, tokens=told))

    def _read(self, row: Row, tokens: list[int]) -> str:
        """The reply's text. If the prompt opened a thought, its opening tag comes first."""
        said = tokens[:-1] if tokens[-1] in self._stop_ids else tokens
        thought = "" if row.request.begun else opened_thought(self.tokenizer.decode(row.ids[-_TAIL:]))
        return thought + self._decoded(said, row.added).strip()

    def _decoded(self, tokens: list[int], added: Sequence[int]) -> str:
        """The text without special tokens, except those that mark thoughts and the method's own tokens."""
        if self._markers.union(added).isdisjoint(tokens):
            text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        else:
            text = self.tokenizer.decode([token for token in tokens if token not in self._unseen - {*added}])
        return text

    def _choice(self, row: Row, logits: torch.Tensor) -> Reply:
        """The choice whose first token is the most likely next token."""
        choices, added = row.request.choices, dict(zip(row.request.added, row.added, strict=True))
        firsts = [added[text] if text in added else encode_response(self.tokenizer, text)[0] for text in choices]
        if len(set(firsts)) < len(firsts):
            raise ValueError(f"choices {choices} do not differ in their first token")
        scores = _logprobs(logits, firsts)
        best = choices[max(range(len(choices)), key=scores.__getitem__)]
        return Reply(best, "stop", scores, *row.cost())


def _likelihood(row: Row, losses: list[list[float]]) -> Reply:
    """The reply with log-probabilities: the mean over the tokens of a scored text, or the sum for each opening."""
    scores = [-sum(loss) / (len(loss) if row.request.scored else 1) for loss in losses]
    tokens = _tokens(row, row.texts[0], losses[0]) if row.request.scored else ()
    return Reply("", "stop", tuple(scores), *row.cost(), tokens=tokens)


def _tokens(row: Row, ids: Sequence[int], nats: Sequence[float]) -> tuple[tuple[int, float], ...]:
    return tuple((token, -nat) for token, nat in zip(ids, nats, strict=True)) if row.request.tokens else ()


def _avoided(row: Row, losses: list[list[float]]) -> Avoided | None:
    if not losses:
        return None
    return Avoided(row.request.avoid, row.texts, [[-loss for loss in one] for one in losses])


def _steered(logits: torch.Tensor, rows: Sequence[tuple[Avoided | None, list[int]]]) -> torch.Tensor:
    if all(avoided is None for avoided, _ in rows):
        return logits
    each = zip(logits, rows, strict=True)
    return torch.stack([avoided.steer(line, written) if avoided else line for line, (avoided, written) in each])


def _logprobs(logits: torch.Tensor, tokens: Sequence[int]) -> tuple[float, ...]:
    return tuple(torch.log_softmax(logits.float(), -1)[list(tokens)].tolist())


def _nats(logits: torch.Tensor, picked: list[int]) -> list[float]:
    """The loss in nats of each picked token, before temperature and avoided openings are applied."""
    chosen = logits.gather(1, torch.tensor(picked, device=logits.device)[:, None])[:, 0]
    nats: list[float] = (logits.logsumexp(-1) - chosen).tolist()
    return nats


def _as_set(token_ids: int | list[int] | None) -> set[int]:
    if token_ids is None:
        return set()
    return set(token_ids) if isinstance(token_ids, list) else {token_ids}
