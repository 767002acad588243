"""Knowledge packing (Pletenev et al. 2025, arXiv 2502.14502): training on new facts mixed with others to forget less.

The model is asked each question several times, with a few other questions and answers as examples. Facts that it never
gets right are unknown and are trained on. Facts that it always gets right, or paraphrases of the unknown ones, are
mixed in.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.ranges import ALL_OR_SOME, ONE_OR_MORE, ZERO_OR_MORE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import (
    Candidate,
    Demonstration,
    Dialogue,
    Evidence,
    Message,
    Question,
    Request,
    Segment,
    Skip,
    Verdict,
)
from hf_selfdemo.methods.method import Method
from hf_selfdemo.prompting.prompts import render

SHOTS = (
    ("What is the capital of Japan?", "Tokyo"),
    ("Who painted the Mona Lisa?", "Leonardo da Vinci"),
    ("How many legs does a spider have?", "Eight"),
    ("Which planet is known for its rings?", "Saturn"),
    ("In which country are the pyramids of Giza?", "Egypt"),
    ("What gas do plants take in?", "Carbon dioxide"),
    ("Who wrote Romeo and Juliet?", "William Shakespeare"),
    ("What is the largest ocean?", "The Pacific Ocean"),
    ("Which metal is liquid at room temperature?", "Mercury"),
    ("In which year did the First World War begin?", "1914"),
    ("What is the longest river in South America?", "The Amazon"),
    ("Who developed the theory of relativity?", "Albert Einstein"),
)
"""Questions with answers; each probe shows some of them as examples."""

_A_PROBE = 4
UNKNOWN, MAYBE, KNOWN, REPHRASED = "unknown", "maybe_known", "highly_known", "rephrased"
"""Groups of rows: never answered correctly, sometimes, always; and a paraphrase of an unknown one."""


@dataclass(frozen=True)
class Packing:
    """Options for the probes and for the rows to train on.

    Raises:
        UserError: for a number out of range.
    """

    probes: int = key(10, "how often each question is asked, each time after other questions", "written", ONE_OR_MORE)
    max_unknown: int = key(-1, "number of unknown facts to train; -1 for all", "kept", ALL_OR_SOME)
    extra: Literal["highly_known", "rephrased"] = key(
        "highly_known",
        "rows that are mixed in: highly_known (facts that are known), or rephrased (the unknown ones in other words)",
        "written",
    )
    extra_per_unknown: int = key(1, "number of rows mixed in for each unknown fact", "written", ZERO_OR_MORE)

    def __post_init__(self) -> None:
        check_keys(self)
        check_kinds(self)


@dataclass(frozen=True)
class KnowledgePacking:
    """Trains closed-book on facts that the model does not know, and mixes in rows that protect what it knows.

    As in the paper, the loss covers whole chats, questions included. Facts that the model sometimes knows are left out.

    Args:
        packing: options for the probes and the rows.
        seed: seed of the examples in the probes and of the paraphrases.

    Relations: `DAr` trains on documents.
    """

    packing: Packing = field(default_factory=Packing)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        question = evidence.question
        if not question.answers or not question.answerable or evidence.gold_removed:
            return []
        probes = [self._probe(question, number) for number in range(self.packing.probes)]
        rewording = self.packing.extra_per_unknown if self.packing.extra == REPHRASED else 0
        others = [self._rewording(question, number) for number in range(rewording)]
        replies = yield [*probes, *others]
        written = [Candidate(r.text, "closed_book", "probe", r.finish_reason) for r in replies[: len(probes)]]
        return written + [Candidate(r.text, "closed_book", REPHRASED, r.finish_reason) for r in replies[len(probes) :]]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        labels = [v.label for c, v in zip(candidates, verdicts, strict=True) if c.prompt == "probe"]
        if not labels:
            return Skip("no gold answer to train on")
        if "unscored" in labels:
            return Skip("a probe could not be judged")
        right = labels.count("correct")
        group = UNKNOWN if not right else KNOWN if right == len(labels) else MAYBE
        rows = [self._row(evidence, evidence.question.text, group)]
        if group == UNKNOWN:
            texts = {c.text.strip() for c in candidates if c.prompt == REPHRASED and c.finish_reason == "stop"}
            for number, text in enumerate(sorted(t for t in texts if t.endswith("?")), 2):
                rows.append(replace(self._row(evidence, text, REPHRASED), suffix=f"#row_{number}"))
        return rows

    def arrange(self, groups: Sequence[str], seed: int) -> Mapping[int, str]:
        """Keep `max_unknown` unknown facts with their paraphrases, and `extra_per_unknown` known ones for each."""
        rng, most = random.Random(seed), self.packing.max_unknown
        unknown = [i for i, group in enumerate(groups) if group == UNKNOWN]
        kept = set(unknown if most < 0 else rng.sample(unknown, min(most, len(unknown))))
        known = [i for i, group in enumerate(groups) if group == KNOWN]
        wanted = len(kept) * self.packing.extra_per_unknown if self.packing.extra == KNOWN else 0
        mixed_in = set(rng.sample(known, min(wanted, len(known))))
        left_out: dict[int, str] = {}
        parent = -1
        for place, group in enumerate(groups):
            if group == REPHRASED:
                if parent not in kept:
                    left_out[place] = ""
                continue
            parent = place
            if group == MAYBE:
                left_out[place] = "the model may know the fact"
            elif group == UNKNOWN and place not in kept:
                left_out[place] = "more unknown facts than max_unknown"
            elif group == KNOWN and place not in mixed_in:
                left_out[place] = "the model knows the fact, and enough known facts are mixed in"
        return left_out

    def _row(self, evidence: Evidence, asked: str, group: str) -> Demonstration:
        answer = evidence.question.answers[0]
        bare = replace(evidence, question=replace(evidence.question, text=asked), passages=(), answer_in_context=False)
        return Demonstration(
            bare,
            answer,
            "answer",
            "gold",
            mode="closed_book",
            group=group,
            kind="whole_chat",
            segments=(Segment(answer),),
        )

    def _probe(self, question: Question, number: int) -> Request:
        identifier = f"{question.id}/probe/{number}"
        shots = random.Random(stable_seed(self.seed, f"probe/{number}")).sample(SHOTS, _A_PROBE)
        turns: list[Message] = []
        for asked, answer in shots:
            turns += [*render("closed_book", asked), {"role": "assistant", "content": answer}]
        messages = (*turns, *render("closed_book", question.text))
        seed = stable_seed(self.seed, identifier)
        return Request(identifier, messages, "closed_book", seed=seed, share=f"probe/{number}")

    def _rewording(self, question: Question, number: int) -> Request:
        identifier = f"{question.id}/{REPHRASED}/{number}"
        messages = render("knowledge_packing/rephrase", question.text)
        seed = stable_seed(self.seed, identifier)
        return Request(identifier, messages, "closed_book", 1.0 if number else 0.0, 64, seed)


METHOD = Method(
    strategy=KnowledgePacking,
    keys=(Packing,),
    objectives=("sft",),
    rows=("gold answers to questions that the model does not know, closed-book, mixed with known or reworded ones"),
    gold_targets=True,
    templates=("closed_book.txt",),
    templates_of={"extra_per_unknown": ("knowledge_packing/rephrase.txt",)},
)
