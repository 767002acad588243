"""The questions of "train", "dev" or "test", as the keys of that part of the data say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.questions import each_question, read_passages, sample
from hf_selfdemo.recipe.config import DataArguments
from hf_selfdemo.recipe.recipe import Recipe


@dataclass(frozen=True)
class Part:
    """The keys of one part of the data; `lender` is the part whose questions it has."""

    name: str
    lender: str
    data: DataArguments
    twins: int

    @property
    def questions(self) -> list[str]:
        """Sources of the questions.

        Raises:
            UserError: if none is named.
        """
        found: list[str] = named_source(self.data, f"{self.lender}_questions")
        return found

    @property
    def split(self) -> str:
        """Split of the sources, where there are splits."""
        found: str = getattr(self.data, f"{self.lender}_split")
        return found

    @property
    def corpus(self) -> str:
        """Source of the passages.

        Raises:
            UserError: if none is named.
        """
        own = self.name != "dev" or self.data.dev_corpus
        found: str = named_source(self.data, f"{self.name if own else 'train'}_corpus")
        return found


def corpus_passages(part: Part) -> list[Passage]:
    """The passages of a part's corpus, whole.

    Raises:
        UserError: if none is named, or it cannot be read.
    """
    d = part.data
    split = d.corpus_split or part.split
    return read_passages(part.corpus, split, 0, False, d.corpus_columns, d.corpus_config, d.corpus_revision)


def part_of(recipe: Recipe, name: str) -> Part:
    """The keys of "train", "dev" or "test".

    Raises:
        UserError: for keys that contradict each other.
    """
    data, twins = recipe.data, getattr(recipe.retrieval, f"{name}_twins")
    if data.held_out_share and data.dev_questions:
        raise UserError("both dev_questions and held_out_share are set", "leave one of them out")
    return Part(name, "train" if name == "dev" and data.held_out_share else name, data, twins)


def named_source(data: DataArguments, key: str) -> Any:
    """What a key about questions or passages names.

    Raises:
        UserError: if it names nothing.
    """
    source = getattr(data, key)
    if not source:
        raise UserError(
            f"{key} is not set, although other keys name your own data",
            "name a file or a dataset, or write `embedded`",
        )
    return source


def refuse_unnamed(recipe: Recipe, *parts: str) -> None:
    """Look whether questions and passages of these parts are named, before anything is spent.

    Raises:
        UserError: naming the key that is not set.
    """
    for part in (part_of(recipe, name) for name in parts):
        _ = part.questions, recipe.retrieval.retriever == "given" or part.corpus


def has_dev(data: DataArguments) -> bool:
    """Whether there are questions to be asked while training."""
    return bool(data.dev_questions) or data.held_out_share > 0


def sampled_questions(part: Part) -> OnDisk[Question]:
    """The questions of a part, as many as its keys say.

    Raises:
        UserError: for sources that cannot be read, or no question.
    """
    answerable, unanswerable = (getattr(part.data, f"max_{part.name}_{kind}") for kind in ("questions", "unanswerable"))
    questions = all_questions(part)
    brief = [Question(q.id, "", answerable=q.answerable) for q in questions]  # all that the draw looks at
    kept = {q.id for q in sample(brief, answerable, unanswerable, part.data.data_seed_questions)}
    return questions.at([place for place, q in enumerate(brief) if q.id in kept])


def all_questions(part: Part) -> OnDisk[Question]:
    """The same, all that there are.

    Raises:
        UserError: for sources that cannot be read, or no question.
    """
    data = part.data
    questions = OnDisk(question for question in _read(part) if _belongs(question, part))
    if not questions:
        raise UserError(
            f"no {part.name} question is left after the filter sources={data.sources}", "check the column map"
        )
    twice = [i for i, count in Counter(q.id for q in questions).items() if count > 1]
    if twice:
        raise UserError(f"the id {twice[0]!r} stands in two {part.name} files", "make ids unique")
    return questions


def _read(part: Part) -> Iterator[Question]:
    data = part.data
    for source, prefix in _numbered(part.questions, f"{part.lender}_questions"):
        yield from each_question(
            source,
            part.split,
            data.preset,
            data.columns,
            data.dataset_config,
            data.dataset_revision,
            prefix,
            data.list_separator,
        )


def _belongs(question: Question, part: Part) -> bool:
    """Whether it is the part's, where dev questions are held out of the others, and of the sources that are named."""
    data = part.data
    held_out = part.name != "test" and bool(data.held_out_share)
    if held_out and _is_held_out(question, data.held_out_share) != (part.name == "dev"):
        return False
    return not data.sources or question.source.startswith(tuple(data.sources))


def _numbered(sources: list[str], key: str) -> list[tuple[str, str]]:
    """Each source with what stands before the numbers of its rows: of several, its name and, if need be, its place."""
    repeated = [source for source, count in Counter(sources).items() if count > 1]
    if repeated:
        raise UserError(f"{key} names {repeated[0]} twice", "name it once")
    if len(sources) == 1:
        return [(sources[0], "")]
    names = [Path(source).name.partition(".")[0] for source in sources]
    counts = Counter(names)
    places = [f"{i}-{name}" if counts[name] > 1 else name for i, name in enumerate(names, 1)]
    return [(source, f"{place}-") for source, place in zip(sources, places, strict=True)]


def _is_held_out(question: Question, share: float) -> bool:
    """By the question's id alone, so that other sizes, orders and seeds never move one across."""
    return stable_seed(0, f"held out/{question.id}") % 10_000 < share * 10_000
