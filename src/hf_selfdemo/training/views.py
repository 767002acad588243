"""What of a demonstration is shown in one epoch: which passages in which order, or none, and what is to be said then.

A row is the same thing seen from several sides. With other passages around the one that answers, the reply stays;
without the one that answers, the model's own refusal takes its place; without any, the model's own closed-book words
do. Every draw depends on seed, epoch and row id alone, so a view is the same in whatever batch or worker it is made.
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
"""What a view trains; "text" is all that is not a reply to the row's question."""

ORDERS = ("as_retrieved", "reversed", "shuffled", "gold_first", "gold_last")


@dataclass(frozen=True, slots=True)
class View:
    """One row in one epoch: `passages` in the order shown, the text to learn, and the text to prefer it to.

    `spare` are the places of the passages in the order in which they go if the prompt is too long: the last retrieved
    first, one that holds the answer of a row that answers only when no other is left; `holding` are the latter's
    places.
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
        order: a name in `ORDERS`; "gold" passages are those that hold an accepted answer.
        dropout: chance of a passage to be left out. One that holds the answer of a row that answers stays, and so does
            the last one left.
        leave_gold_out: share of answering rows that lose every passage with the answer and train a refusal the model
            wrote for them; rows without such a refusal, or with nothing else to show, never do.
        closed_book: share of rows shown without passages, with the model's own closed-book reply, where it wrote one.
        seed: of all draws.

    Raises:
        UserError: for an unknown order, or a share that is none.

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
        """Whether a row may look different in another epoch."""
        return self.order == "shuffled" or max(self.dropout, self.leave_gold_out, self.closed_book) > 0

    def of(self, row: Mapping[str, Any], epoch: int) -> View:
        """The row as `epoch` shows it."""
        if row.get("mode") == "closed_book":
            return View("closed_book", (), row["response"], "")
        if self._drawn(row, epoch, "closed_book", self.closed_book) and (own := _closed_book_words(row)):
            return View("closed_book", (), own, "")
        passages = [
            Passage(p.get("id") or "", p["text"], p.get("title") or "", p.get("score") or 0.0)
            for p in row["passages"] or ()
        ]
        holding = self._holding(row, passages)
        rejected = next((one.text for one in rejected_of(row)), "")  # rows of pairs have one
        kind, response = row["outcome"], row["response"]
        kept = list(range(len(passages)))
        if holding and self._drawn(row, epoch, "leave_gold_out", self.leave_gold_out):
            refusals, others = _refusals(row), [i for i in kept if i not in holding]
            if refusals and others:
                pick = stable_seed(self.seed, f"{epoch}/{row['id']}/refusal") % len(refusals)
                kind, response, rejected = "abstain", refusals[pick], row["response"]
                verdict, said = cut_verdict(rejected)
                if verdict:  # of these passages it is another
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
        """Places of the passages that a row which answers must not lose."""
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
        """A stream for each draw, so that switching one on does not change another."""
        return random.Random(stable_seed(self.seed, f"{epoch}/{row['id']}/{what}"))


def _refusals(row: Mapping[str, Any]) -> list[str]:
    """Refusals that the model wrote to this question, finished and read as such by the judge."""
    return [
        c["text"]
        for c in row.get("candidates") or ()
        if c["source"] == "refusal" and c["label"] == "abstain" and c["finish_reason"] == "stop"
    ]


def _closed_book_words(row: Mapping[str, Any]) -> str:
    """What the model said without passages, right or wrong: an anchor against forgetting."""
    if row.get("gold_removed"):  # its sibling asks the same closed-book question
        return ""
    own = (
        c["text"]
        for c in row.get("candidates") or ()
        if c["source"] == "closed_book" and c["finish_reason"] == "stop" and c["text"].strip()
    )
    return next(own, "")
