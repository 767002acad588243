"""Read the questions of a recipe and search their passages."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from hf_selfdemo.core.console import progress, say, waiting
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.protocols import Retriever
from hf_selfdemo.core.types import Evidence, Question
from hf_selfdemo.data.documents.rows import document_row
from hf_selfdemo.data.questions import corpus_of
from hf_selfdemo.data.retrieval.evidence import best, choose_twins, collect_evidence, leave_gold_out, recall_report
from hf_selfdemo.evaluation.ability.own_replies import read_instructions
from hf_selfdemo.methods.pa_rag import REPLAY
from hf_selfdemo.recipe.parts import Part, all_questions, corpus_passages, has_dev, part_of, sampled_questions
from hf_selfdemo.recipe.passages import AnswersCut, Shortening, searched
from hf_selfdemo.recipe.recipe import Recipe

__all__ = [
    "document_evidence",
    "evidence_retriever",
    "has_dev",
    "instruction_evidence",
    "passages_warning",
    "recipe_evidence",
    "recipe_questions",
    "recipe_retriever",
    "refuse_part",
    "with_further_rows",
]

_RECALL_DEPTH = 10
"""Passages per question in the retrieval report, however many are shown."""

_AT_ONCE = 256
"""Questions that are searched in one batch."""

T = TypeVar("T")

Find = Callable[[Retriever, list[Any]], list[Evidence]]
"""Searches a batch of questions or rows. It can be pickled."""

Searching = Callable[[Find, Iterable[list[Any]]], Iterable[list[Evidence]]]
"""Applies a `Find` to each batch, with the retriever of the part, and yields the results in order."""


def recipe_evidence(
    recipe: Recipe, part: str, elsewhere: Searching | None = None
) -> tuple[OnDisk[Evidence], dict[str, float]]:
    """Make the rows of a part, that is questions with their passages and then the twins, and the recall report.

    Prints how many passages are too long, and how many answers their truncation loses. If it loses some, the report
    has their share as `answers_cut`.

    Args:
        recipe: the recipe.
        part: "train", "dev" or "test".
        elsewhere: what runs the search; default: this process.

    Raises:
        UserError: if a source is not named or cannot be read, there is no question, or truncation loses too many
            answers.
    """
    with waiting("reading questions and passages"):
        evidence, recall, said = _evidence(recipe, part_of(recipe, part), elsewhere)
    if said:
        say(said)
    return evidence, recall


def refuse_part(recipe: Recipe, part: str) -> None:
    """Check that the rows of a part can be made later: its sources can be read, and truncation loses few answers.

    Questions are searched only if passages may be truncated and a search is cheap: without vectors, a reranker or a
    cluster.

    Args:
        recipe: the recipe.
        part: "train", "dev" or "test".

    Raises:
        UserError: as `recipe_evidence` raises it.
    """
    keys, named = recipe.retrieval, part_of(recipe, part)
    truncates = keys.max_passage_words > 0 and not keys.split_passages
    cheap = keys.retriever in ("bm25", "given") and not keys.reranker and recipe.engine.runner != "ray"
    with waiting(f"checking the {part} questions and their passages"):
        questions = sampled_questions(named)
        if not (truncates and cheap):
            if keys.retriever != "given" and named.corpus != "questions":
                corpus_passages(named)
            return
        shortening = Shortening(keys)
        retriever, questions = searched(recipe, named, questions, shortening)
        found = map(partial(_collected, retriever, k=keys.passages_per_question), _some(questions))
        _refuse_loss(shortening.answers_cut(OnDisk(chain.from_iterable(found))), shortening, named)


def document_evidence(recipe: Recipe, part_name: str = "train") -> OnDisk[Evidence]:
    """Make rows from the passages of a part's corpus: `max_document_rows` of them, drawn by seed.

    Args:
        recipe: the recipe.
        part_name: "train", "dev" or "test".

    Raises:
        UserError: if no corpus is named, or it cannot be read.
    """
    part, keys = part_of(recipe, part_name), recipe.documents
    if part.corpus == "questions":
        passages = corpus_of(list(all_questions(part)))[0]
    else:
        with waiting("reading documents"):
            passages = corpus_passages(part)
    passages = Shortening(recipe.retrieval).passages(passages)
    if 0 <= keys.max_document_rows < len(passages):
        drawn = random.Random(recipe.data.data_seed_questions).sample(range(len(passages)), keys.max_document_rows)
        passages = [passages[place] for place in sorted(drawn)]
    return OnDisk(map(document_row, passages))


def instruction_evidence(recipe: Recipe, part: str = "train") -> OnDisk[Evidence]:
    """Make rows from instructions, for methods that replay the model's own replies to them: `replay_rows` of them.

    Args:
        recipe: the recipe.
        part: "train", "dev" or "test". The others have no instruction of "train".

    Raises:
        UserError: if they cannot be read.
    """
    source, most = recipe.method.get("replay_instructions"), recipe.method.get("replay_rows")
    if not most:
        return OnDisk([])
    found = [one for one in read_instructions(source) if len(one.messages) == 1]
    rng = random.Random(recipe.data.data_seed_questions)
    drawn = rng.sample(found, min(most, len(found)))
    if part != "train":
        trained = {one.id for one in drawn}
        others = [one for one in found if one.id not in trained]
        drawn = rng.sample(others, min(most, len(others)))
    return OnDisk(
        Evidence(Question(f"instruction/{one.id}", one.messages[0]["content"], source=REPLAY)) for one in drawn
    )


def with_further_rows(recipe: Recipe, evidence: OnDisk[Evidence], part: str = "train") -> OnDisk[Evidence]:
    """Add documents and instructions to the rows of the questions, if the method uses them.

    Args:
        recipe: the recipe.
        evidence: the rows of the questions.
        part: "train", "dev" or "test". Documents come from its corpus.

    Raises:
        UserError: as `document_evidence` and `instruction_evidence` raise it.
    """
    if recipe.method.method.reads_documents:
        evidence = OnDisk(chain(evidence, document_evidence(recipe, part)))
    if recipe.method.method.replays:
        evidence = OnDisk(chain(evidence, instruction_evidence(recipe, part)))
    return evidence


def recipe_questions(recipe: Recipe, part: str) -> OnDisk[Question]:
    """Read the questions of "train", "dev" or "test" without searching passages.

    Raises:
        UserError: if a source cannot be read, or there is no question.
    """
    return sampled_questions(part_of(recipe, part))


def recipe_retriever(recipe: Recipe, part: str) -> Any:
    """Make the retriever over the corpus of "train", "dev" or "test".

    Raises:
        UserError: if the corpus cannot be read.
    """
    named = part_of(recipe, part)
    questions = all_questions(named) if named.corpus == "questions" else []
    with waiting("reading passages and their index"):
        return searched(recipe, named, questions, Shortening(recipe.retrieval))[0]


def evidence_retriever(recipe: Recipe, part: str) -> Retriever:
    """Make the retriever that `recipe_evidence` uses. For corpus 'questions', it searches those of the sampled ones.

    Raises:
        UserError: if a source cannot be read, or there is no question.
    """
    named = part_of(recipe, part)
    retriever: Retriever = searched(recipe, named, sampled_questions(named), Shortening(recipe.retrieval))[0]
    return retriever


def passages_warning(evidence: Sequence[Evidence]) -> str | None:
    """The warning about questions without any passage, on which the model can only abstain. None if there is none."""
    asked, unfound = 0, list[str]()
    for row in evidence:
        asked += not row.gold_removed
        if not row.gold_removed and not row.passages:
            unfound.append(row.id)
    if not unfound:
        return None
    return (
        f"warning: no passage was found for {len(unfound)} of {asked} questions (the first is {unfound[0]!r}): "
        "check corpus and retriever. bm25 needs spaces between words, so for Chinese, Japanese or Thai use "
        "`retriever: dense` with a model of that language"
    )


def _evidence(
    recipe: Recipe, part: Part, elsewhere: Searching | None
) -> tuple[OnDisk[Evidence], dict[str, float], str]:
    keys, k = recipe.retrieval, recipe.retrieval.passages_per_question
    shortening = Shortening(keys)
    retriever, questions = searched(recipe, part, sampled_questions(part), shortening)
    few = len(questions) <= _AT_ONCE  # quicker than starting another process
    search = _searching(retriever) if few or not elsewhere else elsewhere
    with progress("searching", len(questions)) as advance:
        found = search(partial(_collected, k=max(k, _RECALL_DEPTH)), _some(questions))
        deep = OnDisk(chain.from_iterable(_counted(found, advance)))
    evidence = OnDisk(best(row, k) for row in deep)
    cut = shortening.answers_cut(evidence)
    _refuse_loss(cut, shortening, part)
    masked = OnDisk(chain.from_iterable(search(partial(_masked, k=k), _some(evidence)) if part.twins else ()))
    recall = recall_report(deep) | ({"answers_cut": round(cut.share, 4)} if cut.lost else {})
    twins = masked.at(choose_twins(range(len(masked)), part.twins, part.data.data_seed_questions))
    return OnDisk(chain(evidence, twins)), recall, _long_passages(cut, shortening, part)


def _some(rows: OnDisk[T]) -> Iterator[list[T]]:
    """Split rows into batches: a retriever searches a batch at once, and all rows may not fit into memory."""
    return (list(rows[start : start + _AT_ONCE]) for start in range(0, len(rows), _AT_ONCE))


def _counted(found: Iterable[list[T]], advance: Callable[[int], None]) -> Iterator[list[T]]:
    for some in found:
        advance(len(some))
        yield some


def _searching(retriever: Retriever) -> Searching:
    """Searches in this process."""
    return lambda find, lists: (find(retriever, some) for some in lists)


def _collected(retriever: Retriever, questions: list[Question], k: int) -> list[Evidence]:
    return collect_evidence(questions, retriever, k)


def _masked(retriever: Retriever, evidence: list[Evidence], k: int) -> list[Evidence]:
    """Counterfactual twins whose passages differ from those of their original rows."""
    before = {row.question.id: row.passages for row in evidence}
    found = leave_gold_out(evidence, retriever, k)
    return [twin for twin in found if twin.passages and twin.passages != before[twin.question.id]]


def _refuse_loss(cut: AnswersCut, shortening: Shortening, part: Part) -> None:
    keys = shortening.keys
    if cut.share > keys.max_answers_cut:
        raise UserError(
            f"truncation to max_passage_words {keys.max_passage_words} loses the answers of {len(cut.lost)} of "
            f"{cut.held} {part.name} questions whose passages contained them ({cut.share:.1%}, the first is "
            f"{cut.lost[0]!r})",
            f"raise it, set split_passages: true, or allow it with max_answers_cut above {keys.max_answers_cut:g}",
        )


def _long_passages(cut: AnswersCut, shortening: Shortening, part: Part) -> str:
    """A line about the passages that were too long; "" if there were none."""
    if not shortening.long:
        return ""
    keys = shortening.keys
    what = (
        f"{part.name}: {shortening.long} of {shortening.seen} passages are longer than {keys.max_passage_words} words"
    )
    if keys.split_passages:
        return f"{what} and were split into {shortening.pieces} pieces"
    share = f" ({cut.share:.1%})" if cut.lost else ""
    return (
        f"{what} and were truncated; {len(cut.lost)} of {cut.held} questions lost the answer in their passages{share}"
    )
