"""Make the retriever of a part, over passages that `max_passage_words` truncates or splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.questions import corpus_of, shortened
from hf_selfdemo.metrics.retrieval import answer_in_context
from hf_selfdemo.recipe.config import RetrievalArguments
from hf_selfdemo.recipe.parts import Part, corpus_passages
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.retriever import made_retriever


class Shortening:
    """Truncates or splits passages to `max_passage_words`, counts the longer ones, and keeps their full text.

    Raises:
        UserError: if options contradict each other.
    """

    def __init__(self, keys: RetrievalArguments) -> None:
        self.keys = keys
        self.seen = self.long = self.pieces = 0
        self._whole: dict[tuple[str, str], Passage] = {}
        if keys.split_passages and keys.max_passage_words <= 0:
            raise UserError(
                "split_passages is set, but max_passage_words is 0", "set max_passage_words to the length of a piece"
            )

    def passages(self, passages: Sequence[Passage], question: str = "") -> list[Passage]:
        """Shorten the passages of a corpus, or those that came with the question of this id."""
        short: list[Passage] = []
        for passage in passages:
            pieces = shortened([passage], self.keys.max_passage_words, self.keys.split_passages)
            self.seen += 1
            if pieces != [passage]:
                self.long += 1
                self.pieces += len(pieces)
                if not self.keys.split_passages:
                    self._whole[question, passage.id] = passage
            short += pieces
        return short

    def questions(self, questions: Sequence[Question]) -> OnDisk[Question]:
        """Shorten the passages that came with these questions."""
        return OnDisk(replace(q, passages=tuple(self.passages(q.passages, q.id))) for q in questions)

    def answers_cut(self, evidence: Sequence[Evidence]) -> AnswersCut:
        """The answers that truncation removed from the passages shown."""
        held, lost = 0, []
        for row in evidence:
            whole = [self._of(row, passage) for passage in row.passages]
            if row.answer_in_context:
                held += 1
            elif whole != list(row.passages) and answer_in_context(replace(row, passages=tuple(whole))):
                lost.append(row.id)
        return AnswersCut(held + len(lost), tuple(lost))

    def _of(self, row: Evidence, passage: Passage) -> Passage:
        of_corpus = self._whole.get(("", passage.id), passage)
        return self._whole.get((row.question.id, passage.id), of_corpus)


@dataclass(frozen=True)
class AnswersCut:
    """The number of questions whose full passages contain the answer, and the ids of those that lost it."""

    held: int
    lost: tuple[str, ...]

    @property
    def share(self) -> float:
        """The share of the answers that were lost."""
        return len(self.lost) / self.held if self.lost else 0.0


def searched(
    recipe: Recipe, part: Part, questions: Sequence[Question], shortening: Shortening
) -> tuple[Any, OnDisk[Question]]:
    """Make a part's retriever, and its questions with gold ids that are valid in the corpus of the retriever.

    Args:
        recipe: the recipe, for the retriever and the length of passages.
        part: the part, for the corpus.
        questions: the questions, with or without passages of their own.
        shortening: shortens the passages and counts.

    Raises:
        UserError: if the corpus is not named or cannot be read, the questions have no passages although the recipe
            uses them, or the retriever cannot be made.
    """
    if recipe.retrieval.retriever == "given":
        if not any(q.passages for q in questions):
            raise UserError(
                "retriever is 'given', but no question has passages", "map a `passages` column, or use bm25"
            )
        return made_retriever(recipe, part.name, []), shortening.questions(questions)
    if part.corpus == "questions":
        passages, questions = corpus_of(list(questions))
    else:
        passages = corpus_passages(part)
    retriever = made_retriever(recipe, part.name, shortening.passages(passages))
    return retriever, Shortening(recipe.retrieval).questions(
        questions
    )  # their own passages are not shown, so not counted
