"""Self-demonstration (Finlayson et al. 2025, arXiv 2502.10596): training on the best of the model's own replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.ranges import NOT_NEGATIVE, SHARE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import (
    Candidate,
    Demonstration,
    Dialogue,
    Evidence,
    Label,
    Skip,
    Source,
    Verdict,
)
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.candidates import PROMPTS, Sampling, Writer
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.pairs import PairPolicy, choose_rejected
from hf_selfdemo.methods.shares import REPLAY, abstentions_over, pairs_over, replayed, replays_over
from hf_selfdemo.methods.verdict_first import VerdictAnswerer, cut_verdict, verdict_first
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.scoring.label import label_by_match
from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.outcomes import is_verified
from hf_selfdemo.scoring.refusal import is_refusal

_CUT_OFF = "the best candidate was truncated (raise max_candidate_tokens)"

Judged: TypeAlias = tuple[Candidate, Verdict]


@dataclass(frozen=True)
class Choosing:
    """Options for choosing the response, the rejected texts, and the balance of rows.

    With `abstain_when` "nothing_right" every row without a correct candidate becomes an abstention. A weak model fails
    on most rows and would learn to abstain from everything; "not_in_context" leaves out the rows whose passages contain
    the answer. With `answer_when` "in_context" the passages must contain the answer too, because an answer that the
    model merely knows does not come from them. `gold_fallback` trains on gold answers, which are not the model's own
    words and move the data away from its distribution.

    Raises:
        UserError: for an unknown value, or a share outside 0 to 1.
    """

    abstain_when: Literal["nothing_right", "not_in_context"] = key(
        "nothing_right",
        "when an abstention is trained: nothing_right (no candidate is correct; the paper), or not_in_context (also no "
        "passage contains the answer)",
        "kept",
    )
    answer_when: Literal["right", "in_context"] = key(
        "right",
        "when an answer is trained: right (it is correct; the paper), or in_context (also a passage contains the "
        "answer)",
        "kept",
    )
    gold_fallback: bool = key(
        False, "train the gold answer if no candidate is correct although a passage contains the answer", "kept"
    )
    unverified_winners: Literal["keep", "drop"] = key(
        "keep", "winners of a tournament that are not found correct: keep (the paper) or drop", "kept"
    )
    pair_policy: PairPolicy = key(
        "first_round_loser",
        "which text is rejected: first_round_loser, wrong_answer, false_refusal, wrong_and_refusal, other_label or "
        "gold",
        "kept",
    )
    pair_abstain_ratio: float = key(
        0.7,
        "number of abstaining pairs per answering pair; a surplus is left out at random; 0 keeps all",
        "kept",
        NOT_NEGATIVE,
    )
    match_pair_length: bool = key(False, "reject the text whose length is nearest to the winner's", "kept")
    max_abstain_share: float = key(
        0.5, "highest share of abstentions among demonstrations; a surplus is left out at random", "kept", SHARE
    )
    reply_form: Literal["plain", "verdict_first"] = key(
        "plain",
        "plain, or verdict_first: replies begin with Present: or Absent:, for whether the passages contain the answer",
        "kept",
    )
    replay_share: float = key(
        0.0,
        "number of closed-book rows per demonstration, with the model's own closed-book reply, against forgetting",
        "kept",
        SHARE,
    )

    def __post_init__(self) -> None:
        check_kinds(self)
        check_keys(self)


@dataclass(frozen=True)
class SelfDemo:
    """Lets the model write answers with passages, answers without, and abstentions, and picks one by their verdicts.

    If the judge held a tournament, its winner is the response. Otherwise the response is the shortest correct candidate
    with passages, else the shortest correct closed-book one, else, if `abstain_when` allows it, an abstention that the
    model wrote. A candidate that was asked to abstain but answers is never chosen, because it contradicts its own
    prompt. Truncated replies never win, because they would teach the model not to stop. For rows without accepted
    answers only abstentions are written. If a row may become an abstention and no candidate is read as one, the model
    is asked again with other prompts, up to `further_refusals` times. With `replay_share` some questions also get a
    closed-book row, whose target is the model's own closed-book reply, correct or not.

    Args:
        sampling: options for writing candidates.
        choosing: options for choosing the response.
        instructions: wordings found by prompt search, by source, best first; without them the templates' own are used.
        seed: seed of everything sampled.

    Relations: `RaIt` trains on the gold answer instead.

    Example:
        >>> SelfDemo(Sampling(rag_candidates=5), Choosing(abstain_when="not_in_context")).sampling.rag_candidates
        5
    """

    sampling: Sampling = field(default_factory=Sampling)
    choosing: Choosing = field(default_factory=Choosing)
    instructions: Mapping[Source, Sequence[str]] = field(default_factory=dict)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        writer = Writer(self.sampling, self.instructions, self.seed)
        written = yield from writer.write(evidence)
        for number in range(self.sampling.further_refusals if written else 0):
            if not self._lacks_refusal(evidence, written):
                break
            written += yield from writer.write_further_refusal(evidence, number)
        if self.choosing.reply_form == "verdict_first":  # a model of an earlier round may write the verdict itself
            written = [replace(candidate, text=cut_verdict(candidate.text)[1]) for candidate in written]
        return written

    def _lacks_refusal(self, evidence: Evidence, written: Sequence[Candidate]) -> bool:
        """Whether the row will probably be skipped without a further abstention, guessed before judging."""
        question, whole = evidence.question, [c for c in written if c.finish_reason == "stop"]
        if evidence.answer_in_context and not self._abstains_in_context:
            return False
        if any(c.source == "refusal" and is_refusal(c.text, question.text) for c in whole):
            return False
        answers = [c for c in whole if c.source != "refusal"] if self._may_answer(evidence) else []
        return not any(label_by_match(c.text, question.answers, question.text) == "correct" for c in answers)

    @property
    def _abstains_in_context(self) -> bool:
        return self.choosing.abstain_when == "nothing_right" and not self.choosing.gold_fallback

    def _may_answer(self, evidence: Evidence) -> bool:
        return evidence.answer_in_context or self.choosing.answer_when == "right"

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        best = self._best(evidence, candidates, verdicts)
        if isinstance(best, Skip):
            return best
        if self.choosing.reply_form == "verdict_first":
            best = verdict_first(best)
        return [best, *(replayed(evidence, candidates) if self.choosing.replay_share else [])]

    def arrange(self, groups: Sequence[str], seed: int) -> Mapping[int, str]:
        share = self.choosing.max_abstain_share
        over = abstentions_over(groups, share, seed)
        others = len(groups) - groups.count(REPLAY) - len(over)
        more = replays_over(groups, self.choosing.replay_share, others, seed)
        ratio = self.choosing.pair_abstain_ratio
        unpaired = {i: f"{groups[i]}: pair_abstain_ratio {ratio:g}" for i in pairs_over(groups, ratio, seed)}
        return dict.fromkeys(over, f"abstention over max_abstain_share {share:g}") | dict.fromkeys(more, "") | unpaired

    def _best(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Demonstration | Skip:
        judged = list(zip(candidates, verdicts, strict=True))
        if judged and all(verdict.label == "unscored" for _, verdict in judged):
            return Skip(f"unscored: {judged[0][1].reason}")
        champion = next(((c, v) for c, v in judged if v.place == 1), None)
        may_answer = self._may_answer(evidence)
        picked = champion or (may_answer and _right_answer(judged)) or self._refusal(evidence, judged)
        abstains = picked is None or picked[1].label == "abstain"
        if abstains and evidence.answer_in_context and self.choosing.gold_fallback:
            picked, abstains = _gold(evidence), False
        elif abstains and evidence.answer_in_context and self.choosing.abstain_when == "not_in_context":
            cut_off = _was_cut_off(judged, "correct")
            return Skip(_CUT_OFF if cut_off else "no candidate is correct although the passages contain the answer")
        if picked is None:
            cut_off = _was_cut_off(judged, "abstain") or (may_answer and _was_cut_off(judged, "correct"))
            return Skip(_CUT_OFF if cut_off else "no candidate is correct or recognised as an abstention")
        winner, won = picked
        finished = [v.label for c, v in judged if c.finish_reason == "stop"]
        verified = not champion or is_verified(won.label, finished)
        if not verified and self.choosing.unverified_winners == "drop":
            return Skip("the tournament's winner is not labelled correct")
        return Demonstration(
            evidence=evidence,
            response=winner.text,
            outcome="abstain" if abstains else "answer",
            source=winner.source,
            verified=verified,
            rejected=choose_rejected(
                evidence,
                winner,
                won,
                candidates,
                verdicts,
                self.choosing.pair_policy,
                self.choosing.match_pair_length,
                self.seed,
            ),
        )

    def _refusal(self, evidence: Evidence, judged: Sequence[Judged]) -> Judged | None:
        """An abstention, drawn by seed. With one fixed wording the model would soon give it everywhere."""
        refusals = [
            (c, v) for c, v in judged if c.finish_reason == "stop" and v.label == "abstain" and c.source == "refusal"
        ]
        refusals.sort(key=lambda pair: (pair[0].text, pair[0].prompt))
        return refusals[stable_seed(self.seed, evidence.id) % len(refusals)] if refusals else None


def _gold(evidence: Evidence) -> Judged:
    """The first accepted answer that the passages contain literally, else one that they state in other words."""
    asked, passages = evidence.question, evidence.passages
    text = " ".join(f"{p.title} {p.text}" for p in passages)
    there = [answer for answer in asked.answers if contains_answer(text, [answer])]
    there = there or [a for a in asked.answers if any(holds_answer(p, [a], asked.text) for p in passages)]
    return Candidate([*there, *asked.answers][0], "gold", "gold"), Verdict("correct")


def _was_cut_off(judged: Sequence[Judged], label: Label) -> bool:
    """Whether a truncated reply would have won: a correct answer, or an abstention, as `label` says."""
    return any(
        c.finish_reason == "length" and v.label == label and (c.source == "refusal") == (label == "abstain")
        for c, v in judged
    )


def _right_answer(judged: Sequence[Judged]) -> Judged | None:
    """The shortest correct answer; those written with passages come first."""
    for source in ("rag", "closed_book"):  # no "refusal": a candidate asked to abstain is never used as an answer
        right = [(c, v) for c, v in judged if c.finish_reason == "stop" and v.label == "correct" and c.source == source]
        if right:
            return min(right, key=lambda pair: len(pair[0].text))
    return None


def _answerer(sampling: Sampling, choosing: Choosing, max_answer_tokens: int, seed: int) -> Answerer:
    """The answerer for the reply form of training."""
    if choosing.reply_form == "verdict_first":
        return VerdictAnswerer(max_answer_tokens)
    return PromptAnswerer(max_answer_tokens)


METHOD = Method(
    strategy=SelfDemo,
    keys=(Sampling, Choosing),
    objectives=("sft", "dpo", "grpo"),
    rows="the best of the model's own replies, abstentions included",
    templates=(
        *(f"candidates/{source}_[1-{PROMPTS}].txt" for source in ("rag", "closed_book", "refusal")),
        "candidates/instructed.txt",
        "candidates/summarise.txt",
    ),
    templates_of={"further_refusals": (f"candidates/further_refusal_[1-{PROMPTS}].txt",)},
    searches_prompts=True,
    answerer=_answerer,
)
