"""A knock-out tournament in which the model picks the best candidate (Finlayson et al. 2025, arXiv 2502.10596)."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hf_selfdemo.core.protocols import Judge
from hf_selfdemo.core.ranges import MATCH, ONE_OR_MORE, ZERO_OR_MORE
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Reply, Request, Verdict
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.judging.brackets import brackets, elect, rotations, rounds
from hf_selfdemo.judging.inquiry import Inquiry
from hf_selfdemo.judging.request import judging_request, shown
from hf_selfdemo.judging.slot_audit import SlotAudit
from hf_selfdemo.judging.verdicts import read_choice
from hf_selfdemo.scoring.normalise import normalise

NO_WINNER = "no winner: the judge's pick cannot be read"
"""The reason of all verdicts of a row whose tournament has no winner."""


class TournamentJudge:
    """Places candidates by a tournament, and labels them by another judge.

    The candidates of a row are shuffled and split into matches. The model, which sees the question, the accepted
    answers, the passages and the numbered candidates, picks the best of each match. Winners play on until one is left.
    Nine candidates take four calls. Only finished, non-empty candidates play. Equal ones play as one and share its
    place. If a pick cannot be read, nobody wins the match. Without a winner all labels of the row are *unscored*.

    Args:
        seed: seed of the shuffle and of all sampling.
        bracket: the most candidates in a match, 2 to 9.
        passages: the most passages to show, best first. If the row has no more than these, the prompt begins like the
            candidates' own, and the engine need not read the passages again.
        tries: the most times that a match is shown until the pick can be read; the paper has 5.
        orders: number of orders in which each match is shown; their scores are added. With as many orders as `bracket`,
            a preference for a position cancels out, at as many times the calls; the paper has 1.
        reasoning: whether the model reasons first, sampled at temperature 1, as in the paper. Otherwise it chooses a
            number, which takes one step.
        max_new_tokens: longest reply with reasoning, in tokens.
        labeller: the judge that gives the labels; by default an `AnswerMatchJudge`.

    Raises:
        UserError: if a number is out of range; the message names the option.

    Example:
        >>> from hf_selfdemo.core.conversation import converse
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> from hf_selfdemo.core.types import Question
        >>> row = Evidence(Question("q1", "Who discovered germanium?", ("Winkler",)))
        >>> written = [Candidate(text, "rag", "p") for text in ("Courtois", "Winkler")]
        >>> knows = ScriptedGenerator(lambda r: "1" if "Reply 1: Winkler" in r.messages[0]["content"] else "2")
        >>> [(v.label, v.place) for v in next(converse([TournamentJudge().judge(row, written)], knows))]
        [('incorrect', 2), ('correct', 1)]
    """

    def __init__(
        self,
        seed: int = 0,
        bracket: int = 3,
        passages: int = 4,
        tries: int = 5,
        orders: int = 1,
        reasoning: bool = False,
        max_new_tokens: int = 256,
        labeller: Judge | None = None,
    ) -> None:
        MATCH.check(bracket=bracket)
        ONE_OR_MORE.check(orders=orders, max_new_tokens=max_new_tokens)
        ZERO_OR_MORE.check(passages=passages)
        self.seed = seed
        self.bracket = bracket
        self.passages = passages
        self.orders = orders
        self.reasoning = reasoning
        self.max_new_tokens = max_new_tokens
        self.labeller: Judge = labeller or AnswerMatchJudge()
        self._inquiry = Inquiry(seed, tries)
        self._audit = SlotAudit()

    def judge(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Dialogue[list[Verdict]]:
        verdicts = yield from self.labeller.judge(evidence, candidates)
        entrants = _entrants(candidates)
        places = yield from self._play(evidence, candidates, sorted(set(entrants.values())))
        if entrants and 1 not in places.values():
            verdicts = [Verdict("unscored", NO_WINNER)] * len(candidates)
        return [
            replace(verdict, place=places[entrants[i]] if i in entrants else 0) for i, verdict in enumerate(verdicts)
        ]

    def report(self) -> dict[str, Any]:
        """The counts of `Inquiry.report` and of the slot audit, and the report of the labeller, if it has any."""
        report = {**self._inquiry.report(), **self._audit.report()}
        labels = self.labeller.report()
        return {**report, "labeller": labels} if labels else report

    def _play(
        self, evidence: Evidence, candidates: Sequence[Candidate], entrants: list[int]
    ) -> Dialogue[dict[int, int]]:
        """Play all rounds, and return each entrant's place; nobody is first if no pick of a round could be read."""
        field, number = list(entrants), 0
        random.Random(stable_seed(self.seed, f"{evidence.id}/judge")).shuffle(field)
        places: dict[int, int] = {}
        while len(field) > 1:
            places.update(dict.fromkeys(field, rounds(len(field), self.bracket) + 1))
            matches = brackets(field, self.bracket)
            field = yield from self._round(evidence, candidates, number, matches)
            number += 1
        places.update(dict.fromkeys(field, 1))
        if number and field:
            self._audit.won(candidates[field[0]].source, [candidates[i].source for i in entrants])
        return places

    def _round(
        self, evidence: Evidence, candidates: Sequence[Candidate], number: int, matches: Sequence[Sequence[int]]
    ) -> Dialogue[list[int]]:
        """The entrants of the next round: winners, and those alone in their match. All requests are sent together."""
        showings = [
            (m, order, line_up)
            for m, match in enumerate(matches)
            if len(match) > 1
            for order, line_up in enumerate(rotations(match, self.orders))
        ]
        requests = [
            self._request(evidence, f"{number}/{m}/{order}", [shown(candidates[i].text) for i in line_up])
            for m, order, line_up in showings
        ]
        picks = yield from self._inquiry.ask(requests, lambda i, reply: read_scores(reply, len(showings[i][2])))
        ballots: list[list[dict[int, float]]] = [[] for _ in matches]
        for (m, _, line_up), scores in zip(showings, picks, strict=True):
            if scores is not None:
                ballots[m].append(dict(zip(line_up, scores, strict=True)))
                self._audit.picked(scores.index(max(scores)), [len(shown(candidates[i].text)) for i in line_up])
        asked = {m for m, _, _ in showings}
        self._audit.played(len(asked), sum(not ballots[m] for m in asked))
        if not any(ballots):
            return []  # otherwise an entrant alone in its match would win without a pick
        winners = [elect(match, ballots[m]) if m in asked else match[0] for m, match in enumerate(matches)]
        return [winner for winner in winners if winner is not None]

    def _request(self, evidence: Evidence, name: str, replies: Sequence[str]) -> Request:
        numbers = [str(i + 1) for i in range(len(replies))]
        return judging_request(
            evidence,
            "pick",
            f"judge/{name}",
            numbers,
            self.reasoning,
            self.max_new_tokens,
            self.passages,
            replies=replies,
        )


def read_scores(reply: Reply, count: int) -> tuple[float, ...] | None:
    """The scores of `count` candidates by position: log-probabilities, or 1 for the named one; None if unreadable.

    Example:
        >>> read_scores(Reply("Best: Reply 2"), 3)
        (0.0, 1.0, 0.0)
    """
    if len(reply.scores) == count and not any(map(math.isnan, reply.scores)):
        return reply.scores
    choice = read_choice(reply.text, count, whole=reply.finish_reason == "stop")
    return None if choice is None else tuple(float(i == choice) for i in range(count))


def _entrants(candidates: Sequence[Candidate]) -> dict[int, int]:
    """For each candidate that takes part, the one that plays for it: the first with the same normalised text."""
    first: dict[str, int] = {}
    entrants = {}
    for i, candidate in enumerate(candidates):
        if candidate.finish_reason == "stop" and candidate.text.strip():
            entrants[i] = first.setdefault(normalise(candidate.text), i)
    return entrants
