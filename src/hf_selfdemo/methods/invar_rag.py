"""Invar-RAG (Liu et al. 2024, arXiv 2411.07021), a reconstruction: one model is retriever and reader, by two adapters.

It is reconstructed from the abstract and secondary sources, because the authors' code does not implement the method.
The ranked lists made here train the first adapter (`training.retriever`). It learns to rank a passage that contains the
answer above others, to agree with the model on which passages make the answer likely, and to rank alike for paraphrases
of the question and windows of the passages. The second adapter learns to answer from what the first one retrieves, with
any other method and `retriever: FOLDER`. The paper's small text encoder before the model is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.ranges import ONE_OR_MORE, check_keys
from hf_selfdemo.core.types import (
    Candidate,
    Demonstration,
    Dialogue,
    Evidence,
    Passage,
    Ranking,
    Request,
    Skip,
    Verdict,
)
from hf_selfdemo.methods.answering import single_prompt
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.rewrites import half_window, rewrites
from hf_selfdemo.methods.shares import KeepsAll
from hf_selfdemo.scoring.answers.passages import holds_answer

RANKED = "ranked"
"""The kind of these rows in `training.row_kinds`."""

_NO_QUESTION, _NO_POSITIVE = "no accepted answer, or a twin", "no candidate contains the answer"
_NO_NEGATIVE = "every candidate contains the answer"


@dataclass(frozen=True)
class Lists:
    """Options for the length of the lists, and for measuring which passages help the model.

    Raises:
        UserError: for a number out of range.
    """

    max_negatives: int = key(
        5, "highest number of candidates without the answer in each list, best first", "written", ONE_OR_MORE
    )
    likelihoods: bool = key(
        True,
        "measure the likelihood of the answer after each candidate, which preference_weight needs; not with a server",
        "written",
    )

    def __post_init__(self) -> None:
        check_keys(self)
        check_kinds(self)


@dataclass(frozen=True)
class InvarRag(KeepsAll):
    """Makes one ranked list from each question: a passage that contains the answer, then others that do not.

    The candidates are the passages of the row; set `passages_per_question` to about 8. Of the passages that contain the
    answer, only the best is in the list. The model writes nothing: it only measures the likelihood of the first
    accepted answer after each passage of the list.

    Args:
        lists: options for the lists.
        seed: unused; nothing is drawn.

    Relations: `training.retriever` trains on these rows; `RaIt` with the trained retriever is the second stage.
    """

    lists: Lists = field(default_factory=Lists)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        listed = self._listed(evidence)
        if isinstance(listed, Skip) or not self.lists.likelihoods:
            return []
        answer = evidence.question.answers[0]
        replies = yield [
            Request(f"{evidence.id}/likelihood/{place}", prompt, "likelihood", scored=answer)
            for place, passage in enumerate(listed)
            for prompt in [single_prompt(evidence.question.text, [passage])]
        ]
        return [
            Candidate(answer, "gold", f"likelihood/{passage.id}", logprob=next(iter(reply.scores), None))
            for passage, reply in zip(listed, replies, strict=True)
        ]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        listed = self._listed(evidence)
        if isinstance(listed, Skip):
            return listed
        measured = tuple(one.logprob for one in candidates if one.logprob is not None)
        if self.lists.likelihoods and len(measured) != len(listed):
            return Skip("the likelihood of the answer was not measured")
        asked = evidence.question
        forms = tuple(rewrites(asked.text).values())
        ranking = Ranking(forms, tuple(half_window(passage, asked) for passage in listed), measured)
        row = replace(evidence, passages=tuple(listed), answer_in_context=True)
        return [Demonstration(row, asked.answers[0], "answer", "gold", kind=RANKED, ranking=ranking)]

    def _listed(self, evidence: Evidence) -> list[Passage] | Skip:
        asked = evidence.question
        if not asked.answers or not asked.answerable or evidence.gold_removed:
            return Skip(_NO_QUESTION)
        holds = [asked.is_gold(p) or holds_answer(p, asked.answers, asked.text) for p in evidence.passages]
        if not any(holds):
            return Skip(_NO_POSITIVE)
        negatives = [p for p, held in zip(evidence.passages, holds, strict=True) if not held]
        if not negatives:
            return Skip(_NO_NEGATIVE)
        return [evidence.passages[holds.index(True)], *negatives[: self.lists.max_negatives]]


def refuse_without_lists(rows: Iterable[Evidence]) -> None:
    """Raise an error before any model is loaded if no list can be made.

    Raises:
        UserError: if no question has both a candidate that contains the answer and one that does not.
    """
    makes, reasons = InvarRag(), set[str]()
    for row in rows:
        listed = makes._listed(row)
        if not isinstance(listed, Skip):
            return
        reasons.add(listed.reason)
    what = "no question has both a candidate that contains the answer and one that does not"
    raise UserError(
        f"{what} ({'; '.join(sorted(reasons)) or 'there are no questions'})",
        "raise passages_per_question, and check the `answers` of train_questions and that train_corpus contains them",
    )


METHOD = Method(
    strategy=InvarRag,
    keys=(Lists,),
    objectives=("retriever",),
    rows=(
        "questions, each with a passage that contains the answer and others that do not, with other forms of all of "
        "them (Invar-RAG, a reconstruction)"
    ),
    gold_targets=True,
    asks=False,
    in_process={"likelihoods": False},
    refuses=refuse_without_lists,
)
