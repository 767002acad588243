"""Views: how one epoch shows a demonstration, that is, which passages in which order, and the reply to learn.

If distracting passages change, the reply stays. Without the passages that contain the answer, the model's own
abstention replaces it. Without any passages, the model's own closed-book reply does. Every draw depends on seed, epoch
and row id alone, so that a view is the same in any batch or worker.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.core.ranges import SHARE
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Passage
from hf_selfdemo.data.rows import rejected_of
from hf_selfdemo.methods.verdict_first import cut_verdict, with_verdict
from hf_selfdemo.scoring.answers.passages import holds_answer

KINDS = ("answer", "abstain", "closed_book", "text")
"""The kinds of views; "text" is a row that is not a reply to its question."""

ORDERS = ("as_retrieved", "reversed", "shuffled", "gold_first", "gold_last")


@dataclass(frozen=True, slots=True)
class View:
    """One row in one epoch: `passages` in the order shown, the `response` to learn, and the `rejected` text.

    `spare` are the positions of the passages in the order in which they are removed if the prompt is too long: the last
    retrieved first, and passages that contain the answer of an answering row at the end. `holding` are the positions of
    the latter.
    """

    kind: str
    passages: tuple[Passage, ...]
    response: str
    rejected: str
    spare: tuple[int, ...] = ()
    holding: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Views:
    """How rows change from epoch to epoch.

    Args:
        order: a name in `ORDERS`; "gold" passages are those that contain an accepted answer.
        dropout: probability of leaving out a passage. Passages with the answer of an answering row are kept, and so is
            the last remaining one.
        leave_gold_out: share of answering rows that lose every passage with the answer and train an abstention that
            the model wrote for them. Rows without such an abstention, or without other passages, do not change.
        closed_book: share of rows shown without passages, with the model's own closed-book reply, if there is one.
        seed: seed of all draws.

    Raises:
        UserError: for an unknown order, or a share outside 0 to 1.

    Example:
        >>> row = {"id": "1", "outcome": "answer", "response": "Bern.", "answers": ["Bern"], "answer_in_context": True,
        ...        "passages": [{"id": "a", "title": "", "text": "Basel lies on the Rhine."},
        ...                     {"id": "b", "title": "", "text": "Bern is the capital."}]}
        >>> [p.id for p in Views("gold_first").of(row, epoch=0).passages]
        ['b', 'a']
    """

    order: str = "as_retrieved"
    dropout: float = 0.0
    leave_gold_out: float = 0.0
    closed_book: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise UserError(f"passage_order: {self.order!r} is unknown", did_you_mean(self.order, list(ORDERS)))
        shares = {
            "passage_dropout": self.dropout,
            "leave_gold_out_share": self.leave_gold_out,
            "closed_book_share": self.closed_book,
        }
        SHARE.check(**shares)

    @property
    def change(self) -> bool:
        """Whether a row may look different from epoch to epoch."""
        return self.order == "shuffled" or max(self.dropout, self.leave_gold_out, self.closed_book) > 0

    def of(self, row: Mapping[str, Any], epoch: int) -> View:
        """The view of `row` in `epoch`."""
        if row.get("mode") == "closed_book":
            return View("closed_book", (), row["response"], "")
        if self._drawn(row, epoch, "closed_book", self.closed_book) and (own := _closed_book_words(row)):
            return View("closed_book", (), own, "")
        passages = [
            Passage(p.get("id") or "", p["text"], p.get("title") or "", p.get("score") or 0.0)
            for p in row["passages"] or ()
        ]
        holding = self._holding(row, passages)
        rejected = next((one.text for one in rejected_of(row)), "")  # at most one, after `pair_rows`
        kind, response = row["outcome"], row["response"]
        kept = list(range(len(passages)))
        if holding and self._drawn(row, epoch, "leave_gold_out", self.leave_gold_out):
            refusals, others = _refusals(row), [i for i in kept if i not in holding]
            if refusals and others:
                pick = stable_seed(self.seed, f"{epoch}/{row['id']}/refusal") % len(refusals)
                kind, response, rejected = "abstain", refusals[pick], row["response"]
                verdict, said = cut_verdict(rejected)
                if verdict:  # the verdict on the remaining passages is another one
                    response, rejected = with_verdict(response, False), with_verdict(said, False)
                kept, holding = others, set()
        kept = self._kept(row, epoch, kept, holding)
        shown = self._ordered(row, epoch, kept, holding)
        place = {i: n for n, i in enumerate(shown)}
        spare = sorted(shown, key=lambda i: (i in holding, -i))
        return View(
            kind,
            tuple(passages[i] for i in shown),
            response,
            rejected,
            tuple(place[i] for i in spare),
            frozenset(place[i] for i in shown if i in holding),
        )

    def _holding(self, row: Mapping[str, Any], passages: Sequence[Passage]) -> set[int]:
        """Positions of the passages that an answering row must not lose."""
        if row["outcome"] != "answer" or not row.get("answer_in_context"):
            return set()
        question = row.get("question") or ""
        return {i for i, passage in enumerate(passages) if holds_answer(passage, row.get("answers") or (), question)}

    def _kept(self, row: Mapping[str, Any], epoch: int, places: list[int], holding: set[int]) -> list[int]:
        if not self.dropout:
            return places
        rng = self._rng(row, epoch, "dropout")
        draws = [rng.random() for _ in places]
        kept = [i for i, draw in zip(places, draws, strict=True) if i in holding or draw >= self.dropout]
        return kept or places[:1]

    def _ordered(self, row: Mapping[str, Any], epoch: int, places: list[int], holding: set[int]) -> list[int]:
        if self.order == "shuffled":
            return self._rng(row, epoch, "order").sample(places, len(places))
        if self.order == "reversed":
            return places[::-1]
        if self.order in ("gold_first", "gold_last"):
            return sorted(places, key=lambda i: (i in holding) == (self.order == "gold_last"))  # sorting is stable
        return places

    def _drawn(self, row: Mapping[str, Any], epoch: int, what: str, share: float) -> bool:
        return share > 0 and self._rng(row, epoch, what).random() < share

    def _rng(self, row: Mapping[str, Any], epoch: int, what: str) -> random.Random:
        """A random stream for each kind of draw, so that turning one on does not change another."""
        return random.Random(stable_seed(self.seed, f"{epoch}/{row['id']}/{what}"))


def _refusals(row: Mapping[str, Any]) -> list[str]:
    """The model's own complete abstentions for this question, confirmed by the judge."""
    return [
        c["text"]
        for c in row.get("candidates") or ()
        if c["source"] == "refusal" and c["label"] == "abstain" and c["finish_reason"] == "stop"
    ]


def _closed_book_words(row: Mapping[str, Any]) -> str:
    """The model's own closed-book reply, correct or not; training on it protects closed-book ability."""
    if row.get("gold_removed"):  # the original row already has the same closed-book question
        return ""
    own = (
        c["text"]
        for c in row.get("candidates") or ()
        if c["source"] == "closed_book" and c["finish_reason"] == "stop" and c["text"].strip()
    )
    return next(own, "")
