"""R-Tuning, a baseline (Zhang et al. 2024, arXiv 2311.09677): gold answers, each with a statement of certainty.

The model answers each training question. If its answer is correct, "I am sure." follows the gold answer, otherwise
"I am unsure.". This is the first of the paper's variants. Two others are left out: R-Tuning-R, which replaces the
answer by an abstention, and R-Tuning-U, which decides by how much sampled answers differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import ONE_OR_MORE, check_keys
from hf_selfdemo.core.types import Answer, Candidate, Demonstration, Dialogue, Evidence, Mode, Request, Skip, Verdict
from hf_selfdemo.methods.answering import PROMPTED, REFUSAL, PromptAnswerer, answerer_identity, told
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.reflection_tokens import share
from hf_selfdemo.methods.shares import KeepsAll

SURE, UNSURE = "I am sure.", "I am unsure."

_STATED = re.compile(r"(?P<answer>.*?)\.?\s*\bI am (?P<un>un)?sure\.?\s*", re.DOTALL)

_STATEMENT_TOKENS = 6
"""Tokens for the statement in addition to those of the answer; it has five in the SmolLM2 and Qwen2.5 vocabularies."""


@dataclass(frozen=True)
class Asking:
    """Options for asking the model what it knows.

    Raises:
        UserError: if `max_reply_tokens` is below 1.
    """

    max_reply_tokens: int = key(
        32, "longest reply by which a question is found known, in tokens", "written", ONE_OR_MORE
    )

    def __post_init__(self) -> None:
        check_keys(self)


@dataclass(frozen=True)
class RTuning(KeepsAll):
    """Trains on the first gold answer under the with-passages prompt, followed by a statement of certainty.

    The paper asks closed-book questions, except for datasets with passages. Here the model replies once, greedily, to
    the prompt with passages. The paper's question before the statement ("Are you sure ...?") is left out, so that
    answer and statement are one turn.

    Args:
        asking: options for asking the model.
        seed: unused; the reply is greedy.

    Relations: `RaIt` trains on the same answers without a statement; `DivideThenAlign` trains on abstentions.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> row, said = Evidence(Question("1", "Who?", ("Curie",))), Candidate("Winkler", "rag", "rag")
        >>> RTuning().select(row, [said], [Verdict("incorrect")])[0].response
        'Curie. I am unsure.'
    """

    asking: Asking = field(default_factory=Asking)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        if not evidence.question.answers:
            return []
        prompt, length = PROMPTED.prompt(evidence, "rag"), self.asking.max_reply_tokens
        [reply] = yield [Request(f"{evidence.id}/known", prompt, "rag", max_new_tokens=length)]
        return [Candidate(reply.text, "rag", "rag", reply.finish_reason)]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        if not candidates:
            return Skip("no gold answer to train on")
        [verdict] = verdicts
        if verdict.label == "unscored":
            return Skip(f"unscored: {verdict.reason}")
        sure = verdict.label == "correct"
        response = with_statement(evidence.question.answers[0], sure)
        return [Demonstration(evidence, response, "answer", "gold", group="sure" if sure else "unsure")]


def with_statement(answer: str, sure: bool) -> str:
    """An answer followed by the statement.

    Example:
        >>> with_statement("Bern", sure=True), with_statement("The U.S.", sure=False)
        ('Bern. I am sure.', 'The U.S. I am unsure.')
    """
    statement = SURE if sure else UNSURE
    return f"{answer}{'' if answer.endswith('.') else '.'} {statement}" if answer else statement


def cut_statement(text: str) -> tuple[str, str]:
    """A reply without its statement, and the statement ("" if there is none).

    Example:
        >>> cut_statement("Bern. I am unsure."), cut_statement("Bern")
        (('Bern', 'I am unsure.'), ('Bern', ''))
    """
    found = _STATED.fullmatch(text)
    return (found["answer"], UNSURE if found["un"] else SURE) if found else (text, "")


@dataclass(frozen=True)
class RTuningAnswerer(PromptAnswerer):
    """Asks once, removes the statement from the reply, and abstains if the statement says that the model is unsure.

    The answer is then withheld. If `openings` is not empty, every answer has the signal `unsure`: the probability of
    "I am unsure." against "I am sure." after it. In closed-book mode the statement is only removed.

    Relations: for models that were trained with `method: r_tuning`.

    Example:
        >>> RTuningAnswerer().most_calls, RTuningAnswerer(openings=("I don't",)).most_calls
        (1, 2)
    """

    @property
    def most_calls(self) -> int:
        return 1 + bool(self.openings)

    @property
    def identity(self) -> str:
        return answerer_identity("r_tuning", [f"{self.rag}.txt", f"{self.closed_book}.txt"], self.max_answer_tokens)

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        length = self.max_answer_tokens + _STATEMENT_TOKENS
        asked = Request(evidence.id, self.prompt(evidence, mode), f"evaluate {mode}", max_new_tokens=length)
        if mode == "rag":
            asked = replace(asked, share=f"{evidence.id}/passages")
        [reply] = yield [asked]
        text, statement = cut_statement(reply.text)
        trace = (("reply", reply.text),) if statement else ()
        answer = Answer(text, reply.finish_reason, trace=trace, signals=told(evidence, mode, reply))
        if mode == "closed_book":
            return answer
        if self.openings:
            both = (with_statement(text, sure=False), with_statement(text, sure=True))
            [measured] = yield [replace(asked, id=f"{evidence.id}/unsure", stage=REFUSAL, openings=both)]
            if (unsure := share(measured.scores)) is not None:
                answer = replace(answer, signals=(*answer.signals, ("unsure", unsure)))
        if statement != UNSURE:
            return answer
        return replace(answer, text=UNSURE, withheld=replace(answer, trace=()) if text else None)


def _answerer(asking: Asking, max_answer_tokens: int, seed: int) -> RTuningAnswerer:
    return RTuningAnswerer(max_answer_tokens)


METHOD = Method(
    strategy=RTuning,
    keys=(Asking,),
    objectives=("sft",),
    rows="the gold answers of the questions, each with a statement whether the model itself answered correctly",
    gold_targets=True,
    templates=("rag.txt",),
    answerer=_answerer,
)
