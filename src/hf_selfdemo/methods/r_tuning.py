"""R-Tuning, a baseline (Zhang et al. 2024, arXiv 2311.09677): gold answers, each with a statement of certainty.

The model answers each training question. Where it is right, "I am sure." follows the gold answer, elsewhere "I am
unsure.". This is the first of the paper's variants. R-Tuning-R, which replaces the answer by a refusal, and R-Tuning-U,
which goes by how much sampled answers differ, are left out.
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
"""Room for the statement besides that for the answer: five tokens in the vocabularies of SmolLM2 and Qwen2.5."""


@dataclass(frozen=True)
class Asking:
    """How the model is asked what it knows.

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
    """Trains the first gold answer under the with-passages prompt, with how sure the model may be of it.

    The paper asks closed-book questions, except where a data set brings passages. Here the model replies under the
    prompt that shows the passages: greedily, once. The paper's question before the statement ("Are you sure ...?") is
    left out, so that answer and statement are one turn.

    Args:
        asking: how the model is asked.
        seed: of nothing here: the reply is greedy.

    Relations: `RaIt` trains the same answers without a statement; `DivideThenAlign` trains refusals.

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
    """An answer with the statement behind it.

    Example:
        >>> with_statement("Bern", sure=True), with_statement("The U.S.", sure=False)
        ('Bern. I am sure.', 'The U.S. I am unsure.')
    """
    return f"{answer}{'' if answer.endswith('.') else '.'} {SURE if sure else UNSURE}"


def cut_statement(text: str) -> tuple[str, str]:
    """A reply without the statement, and the statement; "" where there is none.

    Example:
        >>> cut_statement("Bern. I am unsure."), cut_statement("Bern")
        (('Bern', 'I am unsure.'), ('Bern', ''))
    """
    found = _STATED.fullmatch(text)
    return (found["answer"], UNSURE if found["un"] else SURE) if found else (text, "")


@dataclass(frozen=True)
class RTuningAnswerer(PromptAnswerer):
    """Asks once, cuts the statement off the reply, and abstains where it says that the model is unsure.

    The answer is then what was withheld. With `openings`, whatever they are, every answer has the signal `unsure`: the
    probability of "I am unsure." against "I am sure." behind it. Without passages the statement is only cut off.

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
        if self.openings and text:
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
