"""A method of your own: ask the model to quote first and to answer from its quotation.

    python examples/own_strategy.py
    PYTHONPATH=examples hf-selfdemo run --method own_strategy:METHOD --output_dir runs/quote_first

A strategy does no input or output and knows no model, so a script can stand in for one. The second command names the
method by its path and asks a real model.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hf_selfdemo import (
    AnswerMatchJudge,
    BM25Retriever,
    Candidate,
    Demonstration,
    Evidence,
    Request,
    ScriptedGenerator,
    Verdict,
    collect_evidence,
    demonstrate,
    leave_gold_out,
    read_passages,
    read_questions,
)
from hf_selfdemo.core.types import Dialogue, Message, Skip
from hf_selfdemo.methods.method import Method
from hf_selfdemo.prompting.prompts import render

QUOTE = "First copy the one sentence of the passages that answers it; if there is none, write: Not mentioned."
ANSWER = "Now answer the question in a few words, from that sentence alone."


@dataclass(frozen=True)
class QuoteFirst:
    """Two turns a question, of which the second is the candidate."""

    seed: int = 0  # of what a strategy samples or draws; this one does neither

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        [asked] = render("rag", evidence.question.text, evidence.passages)
        turns: tuple[Message, ...] = ({"role": "user", "content": f"{asked['content']}\n{QUOTE}"},)
        # requests that share a key share what is computed of their common beginning; `keep` says that more follows
        request = Request(f"{evidence.id}/quote", turns, "quote", share=evidence.id, keep=True)
        [quotation] = yield [request]  # whoever drives the dialogue asks the model, many rows beside each other
        turns += ({"role": "assistant", "content": quotation.text}, {"role": "user", "content": ANSWER})
        [reply] = yield [Request(f"{evidence.id}/answer", turns, "answer", share=evidence.id)]
        return [Candidate(reply.text, "rag", "quote_first", reply.finish_reason)]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        for candidate, verdict in zip(candidates, verdicts, strict=True):
            if candidate.finish_reason != "stop":
                return Skip("the answer was cut off")
            if verdict.label == "correct":
                return [Demonstration(evidence, candidate.text, "answer", "rag")]
            if verdict.label == "abstain" and not evidence.answer_in_context:
                return [Demonstration(evidence, candidate.text, "abstain", "rag")]
        return Skip("neither right, nor declined where that was due")

    def arrange(self, groups: Sequence[str], seed: int) -> Mapping[int, str]:
        return {}  # a choice over the whole set leaves nothing out


METHOD = Method(QuoteFirst, objectives=("sft",), templates=("rag.txt",))


def scripted_reply(request: Request) -> str:
    """Stands in for a model: quotes the sentence that has most words of the question, and answers with it."""
    asked = request.messages[0]["content"]
    if request.stage == "answer":
        return request.messages[1]["content"]
    shown, question = asked.removesuffix(QUOTE).rsplit("Question:", 1)
    words = set(re.findall(r"\w{4,}", question.lower()))
    best = max(re.split(r"(?<=\.)\s+", shown), key=lambda sentence: len(words & set(sentence.lower().split())))
    return best if len(words & set(best.lower().split())) > 1 else "Not mentioned."


if __name__ == "__main__":
    retriever = BM25Retriever(read_passages("embedded", "train"))
    evidence = collect_evidence(read_questions("embedded", "train")[:30], retriever, k=1)
    evidence += leave_gold_out(evidence, retriever, k=1)  # the same questions over passages that do not answer them

    folder = Path(tempfile.mkdtemp())
    generator = ScriptedGenerator(scripted_reply)  # TransformersGenerator(model, tokenizer) is a real one
    dataset = demonstrate(evidence, QuoteFirst(), generator, AnswerMatchJudge(), folder)
    for outcome in ("answer", "abstain"):
        print(f"{dataset['outcome'][:].count(outcome):3} {outcome}")
    print(f"{len(evidence) - len(dataset):3} left out, see {folder / 'skipped.jsonl'}")
