"""Self-demonstration (Finlayson et al. 2025, arXiv 2502.10596): the model's own best words are the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, REFUSAL_PROMPTS, ZERO_OR_MORE
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import (
    Candidate,
    Demonstration,
    Dialogue,
    Evidence,
    Label,
    Message,
    Reply,
    Request,
    Skip,
    Source,
    Verdict,
)
from hf_selfdemo.methods.pairs import check_policy, choose_rejected
from hf_selfdemo.prompting.instructions import instructed_messages
from hf_selfdemo.prompting.preamble import without_preamble
from hf_selfdemo.prompting.prompts import fill, render
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.outcomes import is_verified

PROMPTS = 3
"""How many prompts there are of each kind (`candidates/rag_1.txt` to `rag_3.txt`, and so on); candidates cycle."""

_ABSTAIN_WHEN = ("nothing_right", "not_in_context")
_ANSWER_WHEN = ("right", "in_context")
_UNVERIFIED = ("keep", "drop")
_CUT_OFF = "what would have won was cut off (raise max_candidate_tokens)"

Judged: TypeAlias = tuple[Candidate, Verdict]


@dataclass(frozen=True)
class SelfDemo:
    """Asks for closed-book, with-passages and refusal candidates and picks one by their verdicts.

    Where the judge held a tournament its winner is taken. Otherwise it is a correct with-passages candidate, else a
    correct closed-book one, the shortest first; else, where `abstain_when` allows, a refusal the model wrote itself. A
    text that was asked to decline and states an answer all the same is then neither: it contradicts its own prompt.
    Replies cut off by length never win: they would teach the model not to stop. Rows about which nothing is known to be
    right are only asked for refusals.

    Args:
        rag_candidates: how many are written with the passages. The paper has 3 of each kind.
        closed_book_candidates: how many without.
        refusal_candidates: how many that decline.
        refusal_prompts: different prompts for these; the paper asks the same one three times.
        temperature: of sampling; the paper has 1.0.
        greedy_first: write the first candidate of each kind greedily.
        max_new_tokens: longest candidate, in tokens; the paper has 1000.
        summarise: answer first, then say it in short in a second turn, of which alone the text is kept (the paper's
            way; short answers need it not).
        instructions: wordings found by prompt search, by source, best first; the templates' own where there are none.
        instructions_as_system: put them in the system turn, as the paper does, instead of after the question. The
            passages then follow different beginnings and cannot be shared.
        abstain_when: "nothing_right" is the paper's rule: any row without a correct candidate becomes an abstention.
            "not_in_context" keeps only those whose passages do not hold the answer, since a weak model fails most
            rows, and would be taught to refuse everything.
        answer_when: "right" is the paper's rule: any right candidate wins. With "in_context" it must also stand in the
            passages, else the row is one to decline: what the model happens to know is no answer from its passages.
        gold_fallback: where nothing right was written although the passages hold the answer, take the gold answer, as
            it stands there. No word of the model's own, so each one moves the data away from its distribution.
        unverified_winners: "keep" (the paper) or "drop" a tournament's winner that answers and was not found correct.
        pair_policy: which loser becomes `rejected`, a name in `PAIR_POLICIES`.
        match_pair_length: prefer the eligible loser nearest the winner's length.
        seed: of everything sampled.

    Raises:
        UserError: for an unknown policy, or a number out of range.

    Relations: `RaIt` trains on the gold answer instead.
    """

    rag_candidates: int = 3
    closed_book_candidates: int = 3
    refusal_candidates: int = 3
    refusal_prompts: int = PROMPTS
    temperature: float = 1.0
    greedy_first: bool = False
    max_new_tokens: int = 1000
    summarise: bool = False
    instructions: Mapping[Source, Sequence[str]] = field(default_factory=dict)
    instructions_as_system: bool = False
    abstain_when: str = "nothing_right"
    answer_when: str = "right"
    gold_fallback: bool = False
    unverified_winners: str = "keep"
    pair_policy: str = "first_round_loser"
    match_pair_length: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rag_candidates", "closed_book_candidates", "refusal_candidates"):
            ZERO_OR_MORE.check(**{name: getattr(self, name)})
        REFUSAL_PROMPTS.check(refusal_prompts=self.refusal_prompts)
        NOT_NEGATIVE.check(temperature=self.temperature)
        ONE_OR_MORE.check(max_new_tokens=self.max_new_tokens)
        check_policy(self.pair_policy)
        choices = {"abstain_when": _ABSTAIN_WHEN, "answer_when": _ANSWER_WHEN, "unverified_winners": _UNVERIFIED}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise UserError(f"{name}: {getattr(self, name)!r} is unknown", f"use {' or '.join(known)}")

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        asked = list(self._requests(evidence))
        if not asked:
            return []
        requests = [request for _, request in asked]
        replies = yield requests
        if self.summarise:
            replies = yield from self._summaries(requests, replies)
        return [
            Candidate(reply.text, source, prompt, reply.finish_reason)
            for ((source, prompt), _), reply in zip(asked, replies, strict=True)
        ]

    def _requests(self, evidence: Evidence) -> Iterator[tuple[tuple[Source, str], Request]]:
        counts: dict[Source, int] = {
            "rag": self.rag_candidates,
            "closed_book": self.closed_book_candidates,
            "refusal": self.refusal_candidates,
        }
        for source, count in counts.items():
            if source != "refusal" and not evidence.question.answers:
                continue
            for i in range(count):
                prompt, messages = self._prompt(source, i, evidence)
                identifier = f"{evidence.id}/{source}/{i}"
                yield (
                    (source, prompt),
                    Request(
                        id=identifier,
                        messages=messages,
                        stage=source,
                        temperature=0.0 if self.greedy_first and i == 0 else self.temperature,
                        max_new_tokens=self.max_new_tokens,
                        seed=stable_seed(self.seed, identifier),
                        share=f"{evidence.id}/{'closed_book' if source == 'closed_book' else 'passages'}",
                        keep=self.summarise,
                    ),
                )

    def _prompt(self, source: Source, i: int, evidence: Evidence) -> tuple[str, tuple[Message, ...]]:
        """The i-th prompt of a kind: its name and its messages."""
        found = self.instructions.get(source, ())
        if found:
            n = i % len(found)
            return f"search/{source}_{n + 1}", instructed_messages(
                source, found[n], evidence, self.instructions_as_system
            )
        prompts = self.refusal_prompts if source == "refusal" else PROMPTS
        name = f"candidates/{source}_{i % prompts + 1}"
        shown = () if source == "closed_book" else evidence.passages
        return name, render(name, evidence.question.text, shown)

    def _summaries(self, requests: Sequence[Request], drafts: Sequence[Reply]) -> Dialogue[list[Reply]]:
        """Second turns. What was cut off is not summarised: half a thought has no gist."""
        whole = [i for i, draft in enumerate(drafts) if draft.finish_reason == "stop" and draft.text]
        if not whole:
            return list(drafts)
        again = ({"role": "user", "content": fill("candidates/summarise")},)
        replies = yield [
            replace(
                requests[i],
                id=f"{requests[i].id}/summary",
                messages=(*requests[i].messages, {"role": "assistant", "content": drafts[i].text}, *again),
                stage="summary",
                seed=stable_seed(self.seed, f"{requests[i].id}/summary"),
                keep=False,
            )
            for i in whole
        ]
        summaries = dict(zip(whole, replies, strict=True))
        return [
            replace(summaries[i], text=without_preamble(summaries[i].text)) if i in summaries else draft
            for i, draft in enumerate(drafts)
        ]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Demonstration | Skip:
        judged = list(zip(candidates, verdicts, strict=True))
        if judged and all(verdict.label == "unscored" for _, verdict in judged):
            return Skip(f"unscored: {judged[0][1].reason}")
        champion = next(((c, v) for c, v in judged if v.place == 1), None)
        may_answer = evidence.answer_in_context or self.answer_when == "right"
        picked = champion or (may_answer and _right_answer(judged)) or self._refusal(evidence, judged)
        abstains = picked is None or picked[1].label == "abstain"
        if abstains and evidence.answer_in_context and self.gold_fallback:
            picked, abstains = _gold(evidence), False
        elif abstains and evidence.answer_in_context and self.abstain_when == "not_in_context":
            cut_off = _was_cut_off(judged, "correct")
            return Skip(_CUT_OFF if cut_off else "nothing right although the passages hold the answer")
        if picked is None:
            cut_off = _was_cut_off(judged, "abstain") or (may_answer and _was_cut_off(judged, "correct"))
            return Skip(_CUT_OFF if cut_off else "nothing right and no refusal that reads as one")
        winner, won = picked
        finished = [v.label for c, v in judged if c.finish_reason == "stop"]
        verified = not champion or is_verified(won.label, finished)
        if not verified and self.unverified_winners == "drop":
            return Skip("the tournament's winner was not found right")
        return Demonstration(
            evidence=evidence,
            response=winner.text,
            outcome="abstain" if abstains else "answer",
            source=winner.source,
            verified=verified,
            rejected=choose_rejected(
                evidence, winner, won, candidates, verdicts, self.pair_policy, self.match_pair_length, self.seed
            ),
        )

    def _refusal(self, evidence: Evidence, judged: Sequence[Judged]) -> Judged | None:
        """One of several, by seed: a single canned refusal is learnt in a few steps and then said everywhere."""
        refusals = [
            (c, v) for c, v in judged if c.finish_reason == "stop" and v.label == "abstain" and c.source == "refusal"
        ]
        refusals.sort(key=lambda pair: (pair[0].text, pair[0].prompt))
        return refusals[stable_seed(self.seed, evidence.id) % len(refusals)] if refusals else None


def _gold(evidence: Evidence) -> Judged:
    """The first accepted answer that stands in the passages, or else that they state in other words."""
    asked, passages = evidence.question, evidence.passages
    text = " ".join(f"{p.title} {p.text}" for p in passages)
    there = [answer for answer in asked.answers if contains_answer(text, [answer])]
    there = there or [a for a in asked.answers if any(holds_answer(p, [a], asked.text) for p in passages)]
    return Candidate([*there, *asked.answers][0], "gold", "gold"), Verdict("correct")


def _was_cut_off(judged: Sequence[Judged], label: Label) -> bool:
    """Whether a right answer, or a refusal, would have won had it been allowed to end."""
    return any(
        c.finish_reason == "length" and v.label == label and (c.source == "refusal") == (label == "abstain")
        for c, v in judged
    )


def _right_answer(judged: Sequence[Judged]) -> Judged | None:
    """The shortest right answer, with-passages ones first."""
    for source in ("rag", "closed_book"):  # what was written to decline is no model of an answer, whatever it states
        right = [(c, v) for c, v in judged if c.finish_reason == "stop" and v.label == "correct" and c.source == source]
        if right:
            return min(right, key=lambda pair: len(pair[0].text))
    return None
