"""Self-RAG (Asai et al. 2023, arXiv 2310.11511): the model writes reflection tokens that assess passages and replies.

The paper's critic is a model trained on labels of GPT-4. Here rules that compare with the gold answers set the tokens,
without calls to a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.ranges import ONE_OR_MORE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import (
    Candidate,
    Demonstration,
    Dialogue,
    Evidence,
    Message,
    Passage,
    Question,
    Request,
    Segment,
    Skip,
    Source,
    Verdict,
)
from hf_selfdemo.data.documents.rows import is_document
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.reflection_tokens import (
    IRRELEVANT,
    NO_RETRIEVAL,
    RELEVANT,
    SUPPORTED,
    TOKENS,
    UNSUPPORTED,
    UTILITY,
    paragraph,
)
from hf_selfdemo.methods.self_rag_answering import Decoding, SelfRagAnswerer
from hf_selfdemo.methods.shares import KeepsAll
from hf_selfdemo.prompting.prompts import render
from hf_selfdemo.scoring.answers.passages import holds_answer

_PASSAGE = "candidates/rag_1"
_REFUSAL = "candidates/refusal_3"

_USEFUL, _USELESS = UTILITY[-1], UTILITY[0]


@dataclass(frozen=True)
class Reflecting:
    """Options for writing and labelling replies.

    Raises:
        UserError: for a number out of range, or an unknown critic.
    """

    critic: Literal["gold_answers"] = key(
        "gold_answers",
        "how reflection tokens are labelled: gold_answers (rules that compare with the gold answers)",
        "kept",
    )
    max_written_tokens: int = key(32, "longest reply from a passage or from memory, in tokens", "written", ONE_OR_MORE)

    def __post_init__(self) -> None:
        check_keys(self)
        check_kinds(self)


@dataclass(frozen=True)
class SelfRag(KeepsAll):
    """Lets the model reply from memory, from a passage with the answer and from one without, and labels the replies.

    | case | row |
    |---|---|
    | correct from memory | [No Retrieval] reply [Utility:5] |
    | incorrect from memory | [Retrieval], before the first passage |
    | correct from a passage with the answer | [Relevant] reply [Fully supported] [Utility:5] |
    | incorrect from such a passage | [Relevant] (reply) [No support / Contradictory] [Utility:1] |
    | correct from another passage | [Irrelevant] reply [Utility:5] |
    | incorrect from another passage | [Irrelevant] (reply) [Utility:1] |
    | no correct reply at all | [Irrelevant] abstention [Utility:1], and [No Retrieval] abstention [Utility:1] |

    A reply in parentheses has no loss: from an incorrect reply the model learns the tokens but not the words. Passages
    have no loss either. The rules never set [Partially supported] or a utility between 1 and 5.

    Args:
        keys: options for writing and labelling replies.
        decoding: options of the answerer.
        seed: unused; replies are greedy.

    Relations: `SelfDemo` trains on such replies without tokens, with all passages in one prompt.
    """

    keys: Reflecting = field(default_factory=Reflecting)
    decoding: Decoding = field(default_factory=Decoding)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        if is_document(evidence):
            return []
        asked = list(self._requests(evidence))
        if not asked:
            return []
        replies = yield [request for _, _, request in asked]
        return [
            Candidate(reply.text, source, prompt, reply.finish_reason)
            for (source, prompt, _), reply in zip(asked, replies, strict=True)
        ]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        labelled = [
            (c, v.label)
            for c, v in zip(candidates, verdicts, strict=True)
            if c.finish_reason == "stop" and c.text.strip() and v.label != "unscored"
        ]
        rows = list(_rows(evidence, labelled))
        if not rows:
            return Skip("no complete reply could be labelled")
        return [row if not place else replace(row, suffix=f"#row_{place + 1}") for place, row in enumerate(rows)]

    def _requests(self, evidence: Evidence) -> Iterator[tuple[Source, str, Request]]:
        question = evidence.question
        if question.answers:
            prompt = render("closed_book", question.text)
            yield "closed_book", "closed_book", self._request(evidence, "closed_book", prompt, "closed_book")
            for place in _shown(evidence):
                prompt = render(_PASSAGE, question.text, [evidence.passages[place]])
                yield "rag", f"passage/{place}", self._request(evidence, f"passage/{place}", prompt, "rag")
        if evidence.passages:
            prompt = render(_REFUSAL, question.text, evidence.passages)
            yield "refusal", _REFUSAL, self._request(evidence, "refusal", prompt, "refusal")

    def _request(self, evidence: Evidence, name: str, messages: tuple[Message, ...], stage: str) -> Request:
        identifier, length = f"{evidence.id}/{name}", self.keys.max_written_tokens
        return Request(identifier, messages, stage, 0.0, length, stable_seed(self.seed, identifier))


def _holds(asked: Question, passage: Passage) -> bool:
    return asked.is_gold(passage) or holds_answer(passage, asked.answers, asked.text)


def _shown(evidence: Evidence) -> list[int]:
    """The indices of the first passage that contains the answer and of the first that does not."""
    holding = [_holds(evidence.question, passage) for passage in evidence.passages]
    return sorted(holding.index(kind) for kind in (True, False) if kind in holding)


def _rows(evidence: Evidence, labelled: Sequence[tuple[Candidate, str]]) -> Iterator[Demonstration]:
    """The rows of a question, by the rules in `SelfRag`."""
    written = {candidate.prompt: (candidate.text, label == "correct") for candidate, label in labelled}
    right = any(label == "correct" for candidate, label in labelled if candidate.source != "refusal")
    memory, known = written.get("closed_book", ("", False))
    refusal = next((c.text for c, label in labelled if c.source == "refusal" and label == "abstain"), "")
    refuses = bool(refusal) and not right
    if known:
        yield _from_memory(evidence, memory, "closed_book", gate_loss=True)
    gate_loss = not known
    for place in _shown(evidence):
        passage = evidence.passages[place]
        holds = _holds(evidence.question, passage)
        text, correct = written.get(f"passage/{place}", ("", False))
        if refuses and not holds:
            yield _from_passage(evidence, passage, refusal, "refusal", gate_loss, correct=False, trained=True)
        elif text:
            yield _from_passage(evidence, passage, text, "rag", gate_loss, correct, trained=correct)
        else:
            continue
        gate_loss = False  # only one row per question trains the decision to retrieve
    if refuses:
        yield _from_memory(evidence, refusal, "refusal", gate_loss=False)


def _from_memory(evidence: Evidence, text: str, source: Source, gate_loss: bool) -> Demonstration:
    """A row for a reply without passages: a correct answer or an abstention."""
    utility = _USELESS if source == "refusal" else _USEFUL
    segments = (Segment(NO_RETRIEVAL, gate_loss, trusted=True), Segment(text), Segment(utility, trusted=True))
    bare = replace(evidence, passages=(), answer_in_context=False)
    return replace(_row(bare, source, segments, "from memory"), mode="closed_book")


def _from_passage(
    evidence: Evidence, passage: Passage, text: str, source: Source, gate_loss: bool, correct: bool, trained: bool
) -> Demonstration:
    """A row for a reply from a passage, with its tokens; the words have a loss only if `trained`."""
    holds = _holds(evidence.question, passage)
    support = (SUPPORTED if correct else UNSUPPORTED) if holds else ""
    segments = (
        *paragraph(passage, gate_loss),
        Segment(RELEVANT if holds else IRRELEVANT, trusted=True),
        Segment(text, loss=trained),
        Segment(support + (_USEFUL if correct else _USELESS), trusted=True),
    )
    shown = replace(evidence, passages=(passage,), answer_in_context=evidence.answer_in_context and holds)
    return _row(
        shown, source, segments, ("relevant" if holds else "irrelevant") + ("" if trained else ", labels alone")
    )


def _row(evidence: Evidence, source: Source, segments: tuple[Segment, ...], group: str) -> Demonstration:
    response = "".join(segment.text for segment in segments if segment.loss)
    outcome: Literal["answer", "abstain"] = "abstain" if source == "refusal" else "answer"
    return Demonstration(evidence, response, outcome, source, group=group, kind="reflection", segments=segments)


def _answerer(keys: Reflecting, decoding: Decoding, max_answer_tokens: int, seed: int) -> SelfRagAnswerer:
    return SelfRagAnswerer(decoding, max_answer_tokens)


METHOD = Method(
    strategy=SelfRag,
    keys=(Reflecting, Decoding),
    objectives=("sft",),
    rows=(
        "replies that the model wrote from single passages and from memory, with reflection tokens that rules set by "
        "comparing with the gold answers"
    ),
    templates=("closed_book.txt", f"{_PASSAGE}.txt", f"{_REFUSAL}.txt"),
    tokens=TOKENS,
    answerer=_answerer,
)
