"""PA-RAG (Bhushan et al. 2025, arXiv 2502.08356): several answers to each question, with and without its passage.

With a single answer per question the model memorises its wording, and with a single context it learns to rely on that
context or to ignore it. Here each question is trained with the passage that answers it and with other passages only,
and on several verified answers in different styles. The model's own replies to other instructions are trained on too,
so that it does not forget other abilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, ZERO_OR_MORE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import (
    Candidate,
    Demonstration,
    Dialogue,
    Evidence,
    Message,
    Mode,
    Passage,
    Question,
    Request,
    Segment,
    Skip,
    Verdict,
)
from hf_selfdemo.methods.answering import PromptAnswerer, answerer_identity
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.shares import KeepsAll
from hf_selfdemo.prompting.prompts import fill
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.scoring.normalise import normalise

STYLES = (
    "in a few words, as they stand there",
    "in one whole sentence",
    "in your own words, and say what it rests on",
    "as a list of what belongs to the answer",
)
"""Styles of answers; the first `answers_per_question` are used."""

REPLAY = "replay"
"""The source of a row that is an instruction, whose target is the model's own reply."""


@dataclass(frozen=True)
class Augmentation:
    """Options for the answers and for the instructions beside them.

    Raises:
        UserError: for a number out of range.
    """

    answers_per_question: int = key(3, "number of answers in different styles, up to 4", "written", ONE_OR_MORE)
    answer_temperature: float = key(0.0, "temperature of these answers", "written", NOT_NEGATIVE)
    max_styled_tokens: int = key(64, "longest of these answers, in tokens", "written", ONE_OR_MORE)
    domain_tag: str = key("", "text before every question, in training and when the model is asked", "replies")
    replay_instructions: str = key(
        "embedded",
        "instructions whose replies by the model itself are trained too: embedded, a file or a Hub id",
        "written",
    )
    replay_rows: int = key(20, "highest number of these instructions; 0 for none", "written", ZERO_OR_MORE)

    def __post_init__(self) -> None:
        check_keys(self)


@dataclass(frozen=True)
class PaRag(KeepsAll):
    """Trains on verified answers in both contexts of their question, and on replies to other instructions.

    If the retriever did not find the passage with the answer, it is put first. The other context has no passage that
    contains the answer; the targets stay, so that the model must know them.

    Args:
        keys: options for the answers and the instructions.
        seed: seed of everything sampled.

    Relations: `Raft` gives each question only one of the two contexts and the gold answer.
    """

    keys: Augmentation = field(default_factory=Augmentation)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        if evidence.question.source == REPLAY:
            asked: Message = {"role": "user", "content": evidence.question.text}
            [reply] = yield [self._request(evidence, REPLAY, (asked,), 0.0)]
            return [Candidate(reply.text, "closed_book", REPLAY, reply.finish_reason)]
        shown = _holding(evidence)
        if not shown or evidence.gold_removed or not evidence.question.answerable:
            return []
        styles = STYLES[: self.keys.answers_per_question]
        replies = yield [
            self._request(evidence, f"style/{i}", self._prompt(evidence, shown, style), self.keys.answer_temperature)
            for i, style in enumerate(styles)
        ]
        return [Candidate(r.text, "rag", f"pa_rag/{i}", r.finish_reason) for i, r in enumerate(replies)]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        if evidence.question.source == REPLAY:
            return self._replayed(evidence, candidates)
        if not candidates:
            return Skip("no passage contains an answer")
        judged = sorted(zip(candidates, verdicts, strict=True), key=lambda pair: pair[1].place)  # the winner first
        right = [c.text for c, v in judged if v.label == "correct" and c.finish_reason == "stop"]
        texts = list({normalise(text): text for text in reversed(right)}.values())[::-1]
        if not texts:
            return Skip("no verified answer")
        rows = [
            Demonstration(context, text, "answer", "rag", group=name)
            for text in texts
            for name, context in _contexts(evidence).items()
        ]
        return [row if not i else replace(row, suffix=f"#row_{i + 1}") for i, row in enumerate(rows)]

    def _replayed(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Sequence[Demonstration] | Skip:
        said = next((c.text for c in candidates if c.text.strip() and c.finish_reason == "stop"), "")
        if not said:
            return Skip("no complete reply to replay")
        row = Demonstration(evidence, said, "answer", "closed_book", verified=False, mode="closed_book", group=REPLAY)
        return [replace(row, kind="chat", segments=(Segment(said),))]

    def _prompt(self, evidence: Evidence, shown: Sequence[Passage], style: str) -> tuple[Message, ...]:
        text = fill("pa_rag/answer", passages=shown, question=evidence.question.text, style=style)
        return ({"role": "user", "content": text},)

    def _request(self, evidence: Evidence, name: str, messages: tuple[Message, ...], temperature: float) -> Request:
        identifier = f"{evidence.id}/{name}"
        stage = REPLAY if name == REPLAY else "styled_answer"
        seed, share = stable_seed(self.seed, identifier), "" if name == REPLAY else f"{evidence.id}/gold"
        return Request(identifier, messages, stage, temperature, self.keys.max_styled_tokens, seed, share=share)


def _holds(asked: Question, passage: Passage) -> bool:
    return asked.is_gold(passage) or holds_answer(passage, asked.answers, asked.text)


def _holding(evidence: Evidence) -> list[Passage]:
    """The shown passages that contain an accepted answer; if there are none, those given with the question that do."""
    for passages in (evidence.passages, evidence.question.passages):
        if found := [p for p in passages if _holds(evidence.question, p)]:
            return found
    return []


def _contexts(evidence: Evidence) -> dict[str, Evidence]:
    """The row with a passage that contains the answer, and, if there are others, with only other passages."""
    holding = _holding(evidence)
    success = evidence
    if not evidence.answer_in_context:
        rest = [passage for passage in evidence.passages if passage != holding[0]]
        shown = (holding[0], *rest[: max(0, len(evidence.passages) - 1)])
        success = replace(evidence, passages=shown, answer_in_context=True)
    others = tuple(p for p in evidence.passages if not _holds(evidence.question, p))
    found = {"success": success}
    if others:
        found["failure"] = replace(evidence, passages=others, answer_in_context=False)
    return found


@dataclass(frozen=True)
class Tagged(PromptAnswerer):
    """A `PromptAnswerer` that puts a tag before the question, as in training.

    Args:
        tag: the tag.
    """

    tag: str = ""

    @property
    def identity(self) -> str:
        templates = [f"{self.rag}.txt", f"{self.closed_book}.txt"]
        return answerer_identity("tagged", templates, self.max_answer_tokens, self.tag)

    def prompt(self, evidence: Evidence, mode: Mode) -> tuple[Message, ...]:
        question = replace(evidence.question, text=f"{self.tag} {evidence.question.text}")
        return super().prompt(replace(evidence, question=question), mode)

    def template(self) -> str:
        return super().template().replace("{{ question }}", f"{self.tag} {{{{ question }}}}")


def _answerer(keys: Augmentation, max_answer_tokens: int, seed: int) -> PromptAnswerer:
    return Tagged(max_answer_tokens, tag=keys.domain_tag) if keys.domain_tag else PromptAnswerer(max_answer_tokens)


METHOD = Method(
    strategy=PaRag,
    keys=(Augmentation,),
    objectives=("sft",),
    rows=(
        "verified answers that the model wrote from the passages, each under passages that contain the answer "
        "and under others that do not, and its own replies to general instructions"
    ),
    templates=("pa_rag/answer.txt",),
    replays=True,
    answerer=_answerer,
)
