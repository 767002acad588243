"""Self-RAG: does its gate know when to retrieve, and do its tokens tell which passage contains the answer?

python results/methods/check_self_rag.py

The model is trained on replies with reflection tokens and asked test questions. A model of this size knows almost no
answers to Natural Questions, so easy questions are added; half of them are in training. Accuracy and retrieval rate are
given for thresholds on the probability of [Retrieval] from 0 to 1, together with the accuracy of retrieving for as many
questions at random. The relevance token should separate the passages that contain an accepted answer from the others.
It is compared with the passage's BM25 score and with the same token in the model before training.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from easy_facts import easy_facts
from method_check import (
    BASE,
    Arm,
    Check,
    Figure,
    Table,
    arguments,
    as_program,
    change,
    drawn_questions,
    labelled,
    mean,
    open_qa,
    rate,
    replies,
    statistic,
)

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Evidence, Prediction, Request
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.embeddings import embed_new_tokens
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.reflection_tokens import RELEVANCE, TOKENS, paragraph, share
from hf_selfdemo.methods.self_rag_answering import Decoding, SelfRagAnswerer
from hf_selfdemo.prompting.prompts import render
from hf_selfdemo.recipe.engine import in_process, ledger_path
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.scoring.roc import area

METHOD = "self_rag"
THRESHOLDS = tuple(tenth / 10 for tenth in range(11))
LENGTH = 24


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(
        __doc__,
        argv,
        questions=(60, "training questions"),
        tested=(60, "test questions"),
        easy=(120, "easy questions; half of them are in training"),
        tokens=(30000, "budget of training tokens"),
    )
    check, data = Check(METHOD, given), open_qa(given)
    easy = random.Random(given.seed).sample(easy_facts(), given.easy)
    train = [*drawn_questions(given, "train", given.questions), *easy[::2]]
    test = [*drawn_questions(given, "test", given.tested), *easy[1::2]]
    files = ("--train_questions", check.write_rows("train.jsonl", train), "--test_questions")
    files = (*files, check.write_rows("test.jsonl", test), "--sources", "nq", "easy")
    keys = ("--max_train_questions", "-1", "--max_test_questions", "-1", "--train_tokens", str(given.tokens))
    arm = Arm(METHOD, "methods/self_rag", (*data, *files, *keys, "--test_twins", "0"))
    check.run(arm, "demonstrate", "train")
    rows = list(recipe_evidence(check.recipe(arm), "test")[0])
    plain = replies(check.engine(arm, trained=False), rows, length=LENGTH)
    untrained = relevances(untrained_engine(check, arm), rows)
    engine = check.engine(arm).generator
    always, never = (answers(engine, rows, retrieve) for retrieve in ("adaptive", "never"))
    wanted = [dict(said.signals).get("retrieval", 1.0) for said in always]
    found = figures(rows, plain, always, never, wanted, relevances(engine, rows), untrained)
    check.record([arm], found, sizes={"questions": len(rows), "passages": sum(len(row.passages) for row in rows)})


def answers(engine: Generator, rows: Sequence[Evidence], retrieve: str) -> list[Prediction]:
    """Labelled answers. "adaptive" uses the threshold 0: it reads all passages and also asks the gate."""
    decoding = Decoding(retrieve=retrieve, retrieval_threshold=0.0)  # type: ignore[arg-type]
    return predict(rows, engine, AnswerMatchJudge(), "rag", SelfRagAnswerer(decoding, LENGTH))


def untrained_engine(check: Check, arm: Arm) -> Generator:
    """The base model with the reflection tokens added but not trained."""
    recipe = check.recipe(arm)
    network, tokenizer = recipe.load(recipe.resolve())
    embed_new_tokens(network, tokenizer, TOKENS)
    return RecordedGenerator(in_process(recipe, network, tokenizer), Ledger(ledger_path(recipe)))


def relevances(engine: Generator, rows: Sequence[Evidence]) -> list[list[float | None]]:
    """The probability of [Relevant] among both relevance tokens, by row and passage; None without scores."""
    requests = [
        Request(
            f"{row.id}/{place}",
            render("closed_book", row.question.text),
            "relevance",
            choices=RELEVANCE,
            begun=paragraph(passage),
            added=TOKENS,
        )
        for row in rows
        for place, passage in enumerate(row.passages)
    ]
    told = iter(ask(engine, requests))
    return [[share(next(told).scores) for _ in row.passages] for row in rows]


def figures(
    rows: Sequence[Evidence],
    plain: Sequence[Prediction],
    always: Sequence[Prediction],
    never: Sequence[Prediction],
    wanted: Sequence[float],
    trained: Sequence[Sequence[float | None]],
    untrained: Sequence[Sequence[float | None]],
) -> dict[str, Table]:
    """All tables.

    Args:
        rows: the test questions.
        plain: replies of the base model to the usual prompt with all passages.
        always: the answers with retrieval.
        never: the answers without retrieval.
        wanted: the probability of [Retrieval], by row.
        trained: the probability of [Relevant] after training, by row and passage.
        untrained: the same before training.
    """
    right = {name: [p.label == "correct" for p in said] for name, said in (("always", always), ("never", never))}
    gain = fmean(right["always"]) - fmean(right["never"])
    sweep: Table = {}
    for threshold in THRESHOLDS:
        read = [one > threshold for one in wanted]
        chosen = [a if one else n for one, a, n in zip(read, always, never, strict=True)]
        drawn = fmean(right["never"]) + fmean(read) * gain
        sweep[f"{threshold:.1f}"] = {
            "retrieves": rate(read),
            "right": labelled(chosen, "correct"),
            "wrong": labelled(chosen, "incorrect"),
            "declines": labelled(chosen, "abstain"),
            "right, as many drawn at random": {"value": drawn, "interval": None},
        }
    holding = [
        holds_answer(passage, row.question.answers, row.question.text) for row in rows for passage in row.passages
    ]
    scores: dict[str, list[float | None]] = {
        "trained relevance token": [one for of_row in trained for one in of_row],
        "untrained relevance token": [one for of_row in untrained for one in of_row],
        "BM25's score": [passage.score for row in rows for passage in row.passages],
    }
    return {
        "Threshold": sweep,
        "Model": {
            name: {
                label: labelled(said, kind)  # type: ignore[arg-type]
                for label, kind in (("right", "correct"), ("wrong", "incorrect"), ("declines", "abstain"))
            }
            for name, said in ((f"{BASE}, all passages in the prompt", plain), ("always", always), ("never", never))
        }
        | {"always against never": {"right": change([*map(float, right["never"])], [*map(float, right["always"])])}},
        "Area under the ROC curve: passages with the answer": {
            name: {"all passages": auc(found, holding)} for name, found in scores.items()
        },
        "Area under the ROC curve: right answers from wrong, where all passages are read": {
            name: {"answers": signal_auc(always, name)} for name in ("relevance", "support", "utility", "logprob")
        },
        "Probability of [Retrieval]": {
            name: {"mean": mean([p for p, kind in zip(wanted, right["never"], strict=True) if kind == known])}
            for name, known in (("memory is right", True), ("memory is not right", False))
        },
        "Area under the ROC curve: questions that memory does not answer": {
            "probability of [Retrieval]": {"all questions": auc(wanted, [not known for known in right["never"]])}
        },
    }


def auc(scores: Sequence[float | None], positive: Sequence[bool]) -> Figure:
    """Area under the ROC curve over rows with a score. A bootstrap draw with only one kind counts as .5 (chance)."""

    def of(values: Sequence[float], kinds: Sequence[bool]) -> float:
        found = area(np.array(values, dtype=float), np.array(kinds, dtype=bool))
        return 0.5 if found is None else found

    known = [(one, kind) for one, kind in zip(scores, positive, strict=True) if one is not None]
    if len({kind for _, kind in known}) < 2:
        return {"value": None, "interval": None}
    values, kinds = zip(*known, strict=True)
    return statistic(of, values, kinds) | {"hits": sum(kinds)}


def signal_auc(said: Sequence[Prediction], name: str) -> Figure:
    """The area of a signal over the correct and incorrect answers that have it."""
    known = [p for p in said if p.label in ("correct", "incorrect")]
    return auc([dict(p.signals).get(name) for p in known], [p.label == "correct" for p in known])


if __name__ == "__main__":
    as_program(main)
