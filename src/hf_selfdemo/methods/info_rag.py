"""INFO-RAG (Xu et al. 2024, arXiv 2402.18150): texts are gone on with, from passages that hold, garble or lack them.

No question and no answer is needed. A sentence of a passage is cut in two; the model sees the passage's sentences and
the first part, and learns the second. So it learns to copy what is there, to mend what is wrong, and to take from what
is near.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import ONE_OR_MORE, SHARE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Demonstration, Dialogue, Evidence, Passage, Segment, Skip, Verdict
from hf_selfdemo.data.documents.rows import is_document
from hf_selfdemo.methods.method import Method

SCENARIOS = ("copy", "correct", "stimulate")
"""The sentence is among those shown; all that is shown is garbled; the sentence is not shown."""

MASK = "_"
"""Stands for a word that is hidden."""

_INFORMATIVE, _PROCESSED = 0.5, 0.3
"""Share of a sentence's words that count as informative, and of these the share that is garbled (the paper's)."""

_HIDDEN, _REPLACED = 0.5, 0.4
"""Of what is garbled, the shares that are hidden and replaced by another word; the rest stays."""

_WORD = re.compile(r"\S+")
_FEWEST = 6
"""Words of a sentence that is worth cutting."""


@dataclass(frozen=True)
class Scenarios:
    """How often each scenario comes, and how much is shown.

    Raises:
        UserError: for a number out of range, or shares above one.
    """

    copy_share: float = key(0.2, "rows whose sentence is among those shown", "kept", SHARE)
    correct_share: float = key(0.4, "rows whose sentences are garbled; the others lack the sentence", "kept", SHARE)
    sentences: int = key(15, "sentences shown at most; the paper's k", "kept", ONE_OR_MORE)

    def __post_init__(self) -> None:
        check_keys(self)
        if self.copy_share + self.correct_share > 1:
            raise UserError("copy_share and correct_share are more than 1 together", "lower one of them")


@dataclass(frozen=True)
class InfoRag:
    """Makes a row of every passage of the corpus; questions are left out.

    Which words are informative is drawn at random here. The paper takes those whose prediction changes most between
    the model's early and last layers.

    Args:
        scenarios: how often each comes.
        seed: of every draw.

    Relations: `DAr` learns documents without any passages before them.
    """

    scenarios: Scenarios = field(default_factory=Scenarios)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        return []
        yield  # never reached: a dialogue that asks nothing

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        if not is_document(evidence):
            return Skip("no document: questions are not trained")
        from sentencex import segment

        [passage] = evidence.passages
        rng = random.Random(stable_seed(self.seed, evidence.id))
        sentences = [one.strip() for one in segment("en", passage.text) if one.strip()][: self.scenarios.sentences]
        long = [i for i, one in enumerate(sentences) if len(one.split()) >= _FEWEST]
        if len(sentences) < 2 or not long:
            return Skip("too few sentences to go on with one")
        chosen = rng.choice(long)
        begun, rest = _cut(sentences[chosen], rng)
        scenario = self._scenario(rng)
        shown = [
            garbled(one, sentences, rng) if scenario == "correct" else one
            for i, one in enumerate(sentences)
            if scenario != "stimulate" or i != chosen
        ]
        passages = tuple(Passage(f"{passage.id}/{i}", one, passage.title) for i, one in enumerate(shown, 1))
        row = replace(evidence, question=replace(evidence.question, text=begun), passages=passages)
        return [
            Demonstration(row, rest, "answer", "gold", kind="continuation", segments=(Segment(rest),), group=scenario)
        ]

    def arrange(self, groups: Sequence[str], seed: int) -> Mapping[int, str]:
        return {}

    def _scenario(self, rng: random.Random) -> str:
        draw, keys = rng.random(), self.scenarios
        if draw < keys.copy_share:
            return "copy"
        return "correct" if draw < keys.copy_share + keys.correct_share else "stimulate"


def _cut(sentence: str, rng: random.Random) -> tuple[str, str]:
    """A sentence in two, between one and two thirds of its words."""
    starts = [match.start() for match in _WORD.finditer(sentence)]
    place = starts[rng.randint(len(starts) // 3, 2 * len(starts) // 3)]
    return sentence[:place].rstrip(), sentence[place:]


def garbled(sentence: str, sentences: Sequence[str], rng: random.Random) -> str:
    """A sentence of which some words are hidden, and some are others.

    Args:
        sentence: that is garbled.
        sentences: whose words take the place of others.
        rng: of every draw.
    """
    words = sentence.split()
    others = [word for one in sentences for word in one.split()]
    informative = rng.sample(range(len(words)), round(_INFORMATIVE * len(words)))
    for place in rng.sample(informative, round(_PROCESSED * len(informative))):
        draw = rng.random()
        if draw < _HIDDEN:
            words[place] = MASK
        elif draw < _HIDDEN + _REPLACED:
            words[place] = rng.choice(others)
    return " ".join(words)


METHOD = Method(
    strategy=InfoRag,
    keys=(Scenarios,),
    objectives=("sft",),
    templates=("continue.txt",),
    reads_documents=True,
    asks=False,
)
