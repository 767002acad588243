"""Read the questions and passages of a part of the data: "train", "dev" or "test"."""

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
    """The options of one part of the data. `lender` is the part from which its questions are taken."""

    name: str
    lender: str
    data: DataArguments
    twins: int

    @property
    def questions(self) -> list[str]:
        """The sources of the questions.

        Raises:
            UserError: if none is named.
        """
        found: list[str] = named_source(self.data, f"{self.lender}_questions")
        return found

    @property
    def split(self) -> str:
        """The split to read from sources that have splits."""
        found: str = getattr(self.data, f"{self.lender}_split")
        return found

    @property
    def corpus(self) -> str:
        """The source of the passages.

        Raises:
            UserError: if none is named.
        """
        own = self.name != "dev" or self.data.dev_corpus
        found: str = named_source(self.data, f"{self.name if own else 'train'}_corpus")
        return found


def corpus_passages(part: Part) -> list[Passage]:
    """Read the passages of a part's corpus, untruncated.

    Raises:
        UserError: if no corpus is named, or it cannot be read.
    """
    d = part.data
    split = d.corpus_split or part.split
    return read_passages(part.corpus, split, 0, False, d.corpus_columns, d.corpus_config, d.corpus_revision)


def part_of(recipe: Recipe, name: str) -> Part:
    """Make the options of "train", "dev" or "test".

    Raises:
        UserError: if options contradict each other.
    """
    data, twins = recipe.data, getattr(recipe.retrieval, f"{name}_twins")
    if data.held_out_share and data.dev_questions:
        raise UserError("both dev_questions and held_out_share are set", "leave one of them out")
    return Part(name, "train" if name == "dev" and data.held_out_share else name, data, twins)


def named_source(data: DataArguments, key: str) -> Any:
    """The source that an option of questions or passages names.

    Raises:
        UserError: if it names none.
    """
    source = getattr(data, key)
    if not source:
        raise UserError(
            f"{key} is not set, although other options name your own data",
            "name a file or a dataset, or `embedded`",
        )
    return source


def refuse_unnamed(recipe: Recipe, *parts: str) -> None:
    """Check that the questions and passages of these parts are named, before any call is paid for.

    Raises:
        UserError: naming the option that is not set.
    """
    for part in (part_of(recipe, name) for name in parts):
        _ = part.questions, recipe.retrieval.retriever == "given" or part.corpus


def has_dev(data: DataArguments) -> bool:
    """Whether there are dev questions."""
    return bool(data.dev_questions) or data.held_out_share > 0


def sampled_questions(part: Part) -> OnDisk[Question]:
    """Read and sample the questions of a part, as `max_*_questions` and `max_*_unanswerable` say.

    Raises:
        UserError: if a source cannot be read, or there is no question.
    """
    answerable, unanswerable = (getattr(part.data, f"max_{part.name}_{kind}") for kind in ("questions", "unanswerable"))
    questions = all_questions(part)
    brief = [Question(q.id, "", answerable=q.answerable) for q in questions]  # sampling needs no more
    kept = {q.id for q in sample(brief, answerable, unanswerable, part.data.data_seed_questions)}
    return questions.at([place for place, q in enumerate(brief) if q.id in kept])


def all_questions(part: Part) -> OnDisk[Question]:
    """Read all questions of a part.

    Raises:
        UserError: if a source cannot be read, there is no question, or two questions have the same id.
    """
    data = part.data
    questions = OnDisk(question for question in _read(part) if _belongs(question, part))
    if not questions:
        raise UserError(
            f"no {part.name} question is left after the filter sources={data.sources}", "check the column map"
        )
    twice = [i for i, count in Counter(q.id for q in questions).items() if count > 1]
    if twice:
        raise UserError(f"the id {twice[0]!r} is in two {part.name} files", "make ids unique")
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
    """Whether a question belongs to the part, by `held_out_share`, and passes the filter `sources`."""
    data = part.data
    held_out = part.name != "test" and bool(data.held_out_share)
    if held_out and _is_held_out(question, data.held_out_share) != (part.name == "dev"):
        return False
    return not data.sources or question.source.startswith(tuple(data.sources))


def _numbered(sources: list[str], key: str) -> list[tuple[str, str]]:
    """Each source with the prefix of its row ids. With several sources this is the file name, numbered if repeated."""
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
