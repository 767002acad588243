"""Divide-Then-Align, a baseline (Sun et al. 2025, arXiv 2505.20871): preferences by what model and passages know.

Questions are divided into four quadrants, by whether the model knows the answer without passages and whether the
passages contain it. If neither is the case, a fixed abstention is preferred to incorrect answers and to the gold
answer. Otherwise the gold answer is preferred to the abstention and to incorrect answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, SHARE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import (
    Candidate,
    Demonstration,
    Dialogue,
    Evidence,
    Mode,
    Rejected,
    Request,
    Skip,
    Source,
    Verdict,
)
from hf_selfdemo.methods.answering import PROMPTED
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.pairs import choose_rejected
from hf_selfdemo.methods.shares import abstentions_over

IDK = "The passages do not answer this question, and I do not know the answer."
"""The fixed abstention. Its wording is this package's own, not the paper's."""

_REFUSAL = Candidate(IDK, "refusal", "idk")

_PREFERRED = Verdict("correct")
"""The verdict of the preferred text. `choose_rejected` asks for one, and its policy `wrong_answer` ignores it."""


@dataclass(frozen=True)
class Dividing:
    """Options for measuring the model's knowledge, and for the share of abstentions.

    Raises:
        UserError: for a number out of range.
    """

    closed_book_samples: int = key(
        10, "number of closed-book replies by which it is decided what the model knows", "written", ONE_OR_MORE
    )
    passage_samples: int = key(1, "number of replies from the passages, for wrong answers", "written", ONE_OR_MORE)
    sample_temperature: float = key(
        1.0, "temperature of all of these but the first of each kind", "written", NOT_NEGATIVE
    )
    max_sample_tokens: int = key(32, "longest of these replies, in tokens", "written", ONE_OR_MORE)
    known_above: float = key(
        0.0, "the model knows an answer if the share of correct closed-book replies is above this", "kept", SHARE
    )
    idk_ratio: float = key(0.7, "highest share of rows that abstain; a surplus is left out at random", "kept", SHARE)

    def __post_init__(self) -> None:
        check_keys(self)


@dataclass(frozen=True)
class DivideThenAlign:
    """Chooses the preferred and the rejected texts of a row by its quadrant.

    | the model knows the answer | a passage contains it | preferred | rejected |
    |---|---|---|---|
    | yes | yes | the gold answer | the abstention |
    | yes | no | the gold answer | an incorrect answer with passages, the abstention |
    | no | yes | the gold answer | incorrect answers with and without passages, the abstention |
    | no | no | the abstention | incorrect answers without and with passages, the gold answer |

    In the last quadrant a row is left out if some reply was correct by luck, or too rarely for `known_above`. The rest
    of the method is `objective: dpo` with its supervised loss, starting from a model trained with RAFT. The paper's
    third loss, a value head that predicts the quadrant, is left out. This package's rules decide whether a passage
    contains the answer, instead of GPT-4o.

    Args:
        dividing: options for measuring knowledge, and for the share of abstentions.
        seed: seed of everything sampled and drawn.

    Relations: `SelfDemo` prefers the model's own words; `Raft` trains the model to start from.
    """

    dividing: Dividing = field(default_factory=Dividing)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        if not evidence.question.answers:
            return []
        counts: dict[Mode, int] = {
            "closed_book": self.dividing.closed_book_samples,
            "rag": self.dividing.passage_samples,
        }
        asked = [(mode, number) for mode, count in counts.items() for number in range(count)]
        replies = yield [self._request(evidence, mode, number) for mode, number in asked]
        written = [Candidate(r.text, mode, mode, r.finish_reason) for (mode, _), r in zip(asked, replies, strict=True)]
        return [*written, _REFUSAL]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        labels = {
            source: [v.label for c, v in zip(candidates, verdicts, strict=True) if c.source == source]
            for source in ("closed_book", "rag", "refusal")
        }
        samples = labels["closed_book"]
        if not samples:
            return Skip("no gold answer to be known")
        if "unscored" in samples:
            return Skip("a closed-book reply could not be judged")
        gold, present = Candidate(evidence.question.answers[0], "gold", "gold"), evidence.answer_in_context
        known = samples.count("correct") / len(samples) > self.dividing.known_above
        if known or present:
            failing: dict[Source, bool] = {"rag": not (known and present), "closed_book": not known}
            sources = [source for source, fails in failing.items() if fails]
            worse = self._wrong(evidence, gold, sources, candidates, verdicts)
            worse += [Rejected(IDK, "abstain")]
            return [Demonstration(evidence, gold.text, "answer", "gold", rejected=tuple(worse))]
        if "correct" in (*samples, *labels["rag"]):
            return Skip("neither model nor passages know it, and a reply was correct")
        if labels["refusal"] != ["abstain"]:
            return Skip("the refusal was not recognised as one")
        worse = self._wrong(evidence, _REFUSAL, ["closed_book", "rag"], candidates, verdicts)
        rejected = (*worse, Rejected(gold.text, "gold"))
        return [Demonstration(evidence, IDK, "abstain", "refusal", rejected=rejected)]

    def arrange(self, groups: Sequence[str], seed: int) -> Mapping[int, str]:
        over = abstentions_over(groups, self.dividing.idk_ratio, seed)
        return dict.fromkeys(over, f"abstention over idk_ratio {self.dividing.idk_ratio:g}")

    def _request(self, evidence: Evidence, mode: Mode, number: int) -> Request:
        row = evidence.question.id if mode == "closed_book" else evidence.id  # twins share closed-book replies
        return Request(
            f"{evidence.id}/{mode}/{number}",
            PROMPTED.prompt(evidence, mode),
            mode,
            self.dividing.sample_temperature if number else 0.0,
            self.dividing.max_sample_tokens,
            stable_seed(self.seed, f"{row}/{mode}/{number}"),
            share=f"{evidence.id}/{mode}",
        )

    def _wrong(
        self,
        evidence: Evidence,
        preferred: Candidate,
        sources: Sequence[Source],
        candidates: Sequence[Candidate],
        verdicts: Sequence[Verdict],
    ) -> list[Rejected]:
        """One incorrect answer of each source, drawn by seed."""
        judged = list(zip(candidates, verdicts, strict=True))
        found: list[Rejected] = []
        for source in sources:
            written = [(c, v) for c, v in judged if c.source == source]
            texts, labels = [c for c, _ in written], [v for _, v in written]
            found += choose_rejected(evidence, preferred, _PREFERRED, texts, labels, "wrong_answer", seed=self.seed)
        return found


METHOD = Method(
    strategy=DivideThenAlign,
    keys=(Dividing,),
    objectives=("dpo",),
    rows=(
        "gold answers where the model or its passages know them and a fixed refusal elsewhere, each preferred to wrong "
        "answers of the model and to the other of the two"
    ),
    gold_targets=True,
    templates=("rag.txt", "closed_book.txt"),
)
