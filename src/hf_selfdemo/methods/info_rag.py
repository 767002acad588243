"""INFO-RAG (Xu et al. 2024, arXiv 2402.18150): completing sentences from intact, corrupted or incomplete context.

It needs only documents, no questions and no answers. A sentence of a passage is split in two. The prompt has the
passage's sentences and the first part, and the model learns the second part. So it learns to copy from the context, to
correct errors in it, and to use related text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Literal

from hf_selfdemo.core.errors import CallFailed, UserError
from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.ranges import ONE_OR_MORE, SHARE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import (
    Candidate,
    Demonstration,
    Dialogue,
    Evidence,
    Message,
    Passage,
    Request,
    Segment,
    Skip,
    Verdict,
)
from hf_selfdemo.data.documents.rows import is_document
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.shares import KeepsAll

SCENARIOS = ("copy", "correct", "stimulate")
"""The context contains the sentence; all of the context is corrupted; the context lacks the sentence."""

MASK = "_"
"""The replacement of a masked word."""

_INFORMATIVE, _PROCESSED = 0.5, 0.3
"""Share of a sentence's words that count as informative, and share of these that is processed (the paper's values)."""

_MASKED, _REPLACED = 0.5, 0.4
"""Shares of the processed words that are masked and that are replaced by another word; the rest is kept."""

_NO_TITLE = "..."
"""The user turn before a text without a title."""

_WORD = re.compile(r"\S+")
_FEWEST = 6
"""Minimum number of words of a sentence to be split."""


@dataclass(frozen=True)
class Scenarios:
    """Options for the shares of the scenarios, the size of the context, and its corruption.

    Raises:
        UserError: for a number out of range, shares that add up to more than one, or an unknown value.
    """

    copy_share: float = key(0.2, "share of rows whose context contains the sentence", "written", SHARE)
    correct_share: float = key(
        0.4,
        "share of rows whose context is corrupted; the context of the remaining rows lacks the sentence",
        "written",
        SHARE,
    )
    sentences: int = key(15, "highest number of sentences of context; the paper's k", "written", ONE_OR_MORE)
    informative_words: Literal["divergence", "random"] = key(
        "divergence",
        "which words may be corrupted: divergence (those whose prediction changes most between the model's layers; "
        "not with a server), or random",
        "written",
    )

    def __post_init__(self) -> None:
        check_keys(self)
        check_kinds(self)
        if self.copy_share + self.correct_share > 1:
            raise UserError("copy_share and correct_share add up to more than 1", "lower one of them")


@dataclass(frozen=True)
class _Cut:
    """The draws for a document: its sentences, the one to complete, its two parts, and the scenario."""

    sentences: list[str]
    chosen: int
    begun: str
    rest: str
    scenario: str
    rng: random.Random


@dataclass(frozen=True)
class InfoRag(KeepsAll):
    """Makes one row from each passage of the corpus; questions are left out.

    Only rows of the scenario "correct" call the model, once each, to measure how much the prediction of each word
    changes between layers. The corrupted sentences are the row's candidates.

    Args:
        scenarios: options for scenarios and corruption.
        seed: seed of every draw.

    Relations: `DAr` trains on documents without context.
    """

    scenarios: Scenarios = field(default_factory=Scenarios)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        drawn = self._drawn(evidence)
        if isinstance(drawn, Skip) or drawn.scenario != "correct":
            return []
        chosen_by = self.scenarios.informative_words
        if chosen_by == "divergence":
            informative = yield from _most_divergent(evidence, drawn.sentences)
        else:
            informative = [_at_random(sentence, drawn.rng) for sentence in drawn.sentences]
        others = [word for one in drawn.sentences for word in one.split()]
        return [
            Candidate(corrupted(sentence, places, others, drawn.rng), "gold", f"corrupted/{chosen_by}")
            for sentence, places in zip(drawn.sentences, informative, strict=True)
        ]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        drawn = self._drawn(evidence)
        if isinstance(drawn, Skip):
            return drawn
        shown = list(drawn.sentences)
        if drawn.scenario == "stimulate":
            del shown[drawn.chosen]
        elif drawn.scenario == "correct":
            if len(candidates) != len(shown):
                return Skip("its context was not corrupted")
            shown = [candidate.text for candidate in candidates]
        [passage] = evidence.passages
        passages = tuple(Passage(f"{passage.id}/{i}", one, passage.title) for i, one in enumerate(shown, 1))
        row = replace(evidence, question=replace(evidence.question, text=drawn.begun), passages=passages)
        rest, group = drawn.rest, drawn.scenario
        return [Demonstration(row, rest, "answer", "gold", kind="continuation", segments=(Segment(rest),), group=group)]

    def _drawn(self, evidence: Evidence) -> _Cut | Skip:
        if not is_document(evidence):
            return Skip("not a document: questions are not trained on")
        from sentencex import segment

        [passage] = evidence.passages
        rng = random.Random(stable_seed(self.seed, evidence.id))
        sentences = [one.strip() for one in segment("en", passage.text) if one.strip()][: self.scenarios.sentences]
        long = [i for i, one in enumerate(sentences) if len(one.split()) >= _FEWEST]
        if len(sentences) < 2 or not long:
            return Skip("too few sentences to complete one")
        chosen = rng.choice(long)
        begun, rest = _cut(sentences[chosen], rng)
        return _Cut(sentences, chosen, begun, rest, self._scenario(rng), rng)

    def _scenario(self, rng: random.Random) -> str:
        draw, keys = rng.random(), self.scenarios
        if draw < keys.copy_share:
            return "copy"
        return "correct" if draw < keys.copy_share + keys.correct_share else "stimulate"


def _cut(sentence: str, rng: random.Random) -> tuple[str, str]:
    """Split a sentence at a random word between one and two thirds of its length."""
    starts = [match.start() for match in _WORD.finditer(sentence)]
    place = starts[rng.randint(len(starts) // 3, 2 * len(starts) // 3)]
    return sentence[:place].rstrip(), sentence[place:]


def _most_divergent(evidence: Evidence, sentences: Sequence[str]) -> Dialogue[list[list[int]]]:
    """The indices, in each sentence, of the words whose prediction changes most between the model's layers."""
    title: tuple[Message, ...] = ({"role": "user", "content": evidence.question.text or _NO_TITLE},)
    [reply] = yield [Request(f"{evidence.id}/divergence", title, "divergence", contrasted=" ".join(sentences))]
    ends = list(accumulate(len(sentence.split()) for sentence in sentences))
    if len(reply.scores) != ends[-1]:
        raise CallFailed(f"only {len(reply.scores)} of {ends[-1]} words were measured")
    return [_highest(reply.scores[start:end]) for start, end in pairwise((0, *ends))]


def _highest(scores: Sequence[float]) -> list[int]:
    """The indices of the informative words; of equal scores the first come first."""
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    return sorted(order[: round(_INFORMATIVE * len(scores))])


def _at_random(sentence: str, rng: random.Random) -> list[int]:
    count = len(sentence.split())
    return rng.sample(range(count), round(_INFORMATIVE * count))


def corrupted(sentence: str, informative: Sequence[int], others: Sequence[str], rng: random.Random) -> str:
    """Mask or replace some of the informative words of a sentence.

    Args:
        sentence: the sentence to corrupt.
        informative: indices of the words that may change.
        others: words to replace them with.
        rng: random numbers for all draws.
    """
    words = sentence.split()
    for place in rng.sample(informative, round(_PROCESSED * len(informative))):
        draw = rng.random()
        if draw < _MASKED:
            words[place] = MASK
        elif draw < _MASKED + _REPLACED:
            words[place] = rng.choice(others)
    return " ".join(words)


METHOD = Method(
    strategy=InfoRag,
    keys=(Scenarios,),
    objectives=("sft",),
    rows="the second halves of sentences from the corpus, under intact, corrupted or incomplete passages",
    templates=("continue.txt",),
    reads_documents=True,
    asks=False,
    in_process={"informative_words": "random"},
)
