"""What decides whether a passage holds an answer, and what it costs: five notions on passages of a real corpus.

    python benchmarks/in_context.py > in_context.json

Questions of Natural Questions and SQuAD with a corpus of 35,098 passages, read in place from ../shared/data/open_qa.

Of each notion: the share of gold passages in which it finds an answer (it should in all), of passages drawn at random
(in none), and of the first ten that BM25 finds without the gold ones (some hold the answer, too). Of the latter also in
how many a quotation (title, sentence, two sentences, all, also behind the title) is right by `answers_match`, and in
how many of these the notion finds no answer (`missed_quotations`): a leave-gold-out twin could show them, and a reply
that copies from it would be right. `microseconds` are process time for a passage drawn at random.

The notions: containment; `answers_match` on the whole passage, and on its sentences; `holds_answer`, which runs use;
and the same without the rule that takes the essential words of an answer for it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.scoring.answers import match, passages
from hf_selfdemo.scoring.answers.match import answers_match
from hf_selfdemo.scoring.match import contains_answer

DATA = Path(__file__).parents[2] / "shared" / "data" / "open_qa"
RANDOM, DEPTH = 10, 10
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n+")


def lines(file: str) -> list[dict[str, Any]]:
    """The rows of one file."""
    if not (DATA / file).exists():
        sys.exit(f"{DATA / file} is absent: it is third-party data and does not come with the project")
    with gzip.open(DATA / file, "rt", encoding="utf-8") as opened:
        return [json.loads(line) for line in opened]


def questions_of(file: str, count: int) -> list[Question]:
    """Questions of Natural Questions with a gold passage, drawn by seed."""
    rows = [row for row in lines(file) if row["gold"] and not row["source"].startswith("squad")]
    return [
        Question(row["id"], row["question"], tuple(row["answers"]), gold_ids=tuple(row["gold"]))
        for row in random.Random(0).sample(rows, min(count, len(rows)))
    ]


def whole(passage: Passage) -> str:
    """Title and text."""
    return f"{passage.title}\n{passage.text}"


def sentences(passage: Passage) -> list[str]:
    """The title and each sentence of the text."""
    return [passage.title, *filter(None, _SENTENCE_END.split(passage.text))]


def quotations(passage: Passage) -> list[str]:
    """What a reply may copy."""
    title, *rest = sentences(passage)
    pairs = [" ".join(rest[i : i + 2]) for i in range(len(rest) - 1)]
    return [title, *rest, *pairs, *(f"{title}: {sentence}" for sentence in rest), whole(passage)]


def holds(passage: Passage, question: Question) -> bool:
    """`holds_answer`, without what it keeps from one call to the next."""
    return passages._holds.__wrapped__(passage.title, passage.text, question.answers, question.text)


def holds_without_essence(passage: Passage, question: Question) -> bool:
    """The same by words in a row, dates, numbers, names and acronyms alone."""
    with mock.patch.object(match, "states_essence", lambda text, wanted: False):
        return holds(passage, question)


NOTIONS: dict[str, Callable[[Passage, Question], bool]] = {
    "containment": lambda p, q: contains_answer(whole(p), q.answers),
    "answers_match, whole passage": lambda p, q: answers_match(whole(p), q.answers, q.text),
    "answers_match, by sentence": lambda p, q: any(answers_match(s, q.answers, q.text) for s in sentences(p)),
    "holds_answer without essential words": holds_without_essence,
    "holds_answer": holds,
}


def measured(questions: Sequence[Question], corpus: dict[str, Passage], retriever: BM25Retriever) -> dict[str, Any]:
    """Every notion on the passages of some questions."""
    draw, texts = random.Random(0), list(corpus.values())
    pairs = {
        "gold": [(corpus[question.gold_ids[0]], question) for question in questions],
        "random": [(draw.choice(texts), question) for question in questions for _ in range(RANDOM)],
        "retrieved": [
            (passage, question)
            for question, found in zip(questions, retriever.retrieve(questions, DEPTH), strict=True)
            for passage in found
            if passage.id not in question.gold_ids
        ],
    }
    right = [any(answers_match(text, q.answers, q.text) for text in quotations(p)) for p, q in pairs["retrieved"]]
    report: dict[str, Any] = {
        "questions": len(questions),
        "retrieved_passages": len(right),
        "with_a_right_quotation": sum(right),
    }
    for name, notion in NOTIONS.items():
        said, start = {}, time.process_time()
        for kind in ("random", "gold", "retrieved"):
            said[kind] = [notion(passage, question) for passage, question in pairs[kind]]
            if kind == "random":
                spent = (time.process_time() - start) / len(said[kind])
        report[name] = {kind: round(sum(found) / len(found), 4) for kind, found in said.items()} | {
            "missed_quotations": sum(r and not found for r, found in zip(right, said["retrieved"], strict=True)),
            "microseconds": round(spent * 1e6),
        }
    return report


def main() -> None:
    """Measure both sources and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=500, help="of each source")
    options = parser.parse_args()
    corpus = {row["id"]: Passage(row["id"], row["text"], row["title"]) for row in lines("corpus.jsonl.gz")}
    rows = [row for row in lines("test.jsonl.gz") if row["gold"]]
    retriever, report = BM25Retriever(list(corpus.values())), {}
    for source in ("nq", "squad"):
        those = [row for row in rows if row["source"].startswith("squad") == (source == "squad")]
        questions = [
            Question(row["id"], row["question"], tuple(row["answers"]), gold_ids=tuple(row["gold"]))
            for row in random.Random(0).sample(those, options.questions)
        ]
        report[source] = measured(questions, corpus, retriever)
        print(f"{source}: done", file=sys.stderr)
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
