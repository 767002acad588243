"""PA-RAG: recall of the gold answer with and without the passages that contain it, compared with RAFT.

python results/methods/check_pa_rag.py

PA-RAG trains each question with both contexts. The control (RAFT) trains half of the questions with one context and
half with the other. Both use the same questions and the same budget of tokens. All models are then asked the training
questions with both contexts, and test questions with their leave-gold-out twins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from datasets import Dataset
from method_check import (
    BASE,
    Arm,
    Check,
    Figure,
    Table,
    arguments,
    as_program,
    change,
    labelled,
    mean,
    open_qa,
    replies,
)

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import FURTHER, Evidence, Prediction
from hf_selfdemo.data.rows import evidence_of
from hf_selfdemo.methods.demonstrations import load_demonstrations
from hf_selfdemo.methods.question_set import question_row
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.scoring.overlap import token_recall

CONTROL, METHOD = "raft", "pa_rag"
CONTEXTS = ("failure", "success")
"""Contexts of a question: no passage contains the answer ("failure"), or one does ("success")."""

Rows = Mapping[str, Sequence[Evidence]]
"""Rows by context, with the same questions in the same order."""


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(
        __doc__,
        argv,
        questions=(120, "training questions; both arms train on those with a verified answer"),
        tested=(60, "test questions to search; those with the answer in context are asked"),
    )
    check, data = Check("pa_rag", given), open_qa(given)
    shared = (
        *(*data, "--max_test_questions", str(given.tested), "--test_twins", "-1", "--train_tokens", "100000"),
        *("--learning_rate", "0.001"),
    )
    method = Arm(METHOD, "methods/pa_rag", (*shared, "--max_train_questions", str(given.questions)))
    check.run(method, "demonstrate", "train")
    made = load_demonstrations(check.folder / METHOD / "demonstrations")
    trained = both_contexts(made)
    kept = check.write_rows("verified.jsonl", _questions(check, method, {row.id for row in trained["success"]}))
    same = (
        "--train_questions",
        kept,
        "--max_train_questions",
        "-1",
        "--train_twins",
        "0",
        "--passages_per_question",
        "2",
    )
    split_in_half = ("--method", "raft", "--oracle_share", "0.5")
    control = Arm(CONTROL, "quickstart/ra_it", (*shared, *same, *split_in_half))
    check.run(control, "demonstrate", "train")
    split = {
        row["id"]: row["answer_in_context"] for row in load_demonstrations(check.folder / CONTROL / "demonstrations")
    }
    tested = with_twins(list(recipe_evidence(check.recipe(method), "test")[0]))
    said: dict[str, dict[str, dict[str, list[Prediction]]]] = {"trained": {}, "tested": {}}
    for name in (BASE, CONTROL, METHOD):
        engine = check.engine(control if name == CONTROL else method, trained=name != BASE)
        for which, rows in (("trained", trained), ("tested", tested)):
            said[which][name] = {context: replies(engine, rows[context]) for context in CONTEXTS}
    check.record([control, method], figures(trained, tested, said, split), sizes={"questions": len(trained["success"])})


def both_contexts(made: Dataset) -> Rows:
    """The questions of demonstrations that have rows of both contexts, by context.

    Raises:
        UserError: if there are none.
    """
    found: dict[str, dict[bool, Evidence]] = {}
    for row in made:
        if row.get("kind") != "chat":  # chat rows are replayed instructions
            found.setdefault(FURTHER.sub("", row["id"]), {}).setdefault(row["answer_in_context"], evidence_of(row))
    both = [one for one in found.values() if len(one) == len(CONTEXTS)]
    if not both:
        raise UserError("no question has a verified answer and passages without it", "raise --questions")
    return {name: [one[name == "success"] for one in both] for name in CONTEXTS}


def with_twins(rows: Sequence[Evidence]) -> Rows:
    """Questions with the answer in context ("success") and their leave-gold-out twins ("failure")."""
    twins = {row.question.id: row for row in rows if row.gold_removed}
    success = [row for row in rows if row.answer_in_context and row.question.id in twins]
    return {"failure": [twins[row.question.id] for row in success], "success": success}


def _questions(check: Check, arm: Arm, kept: set[str]) -> list[dict[str, object]]:
    """The questions with a verified answer, as the rows of a file of questions."""
    return [question_row(row.question) for row in recipe_evidence(check.recipe(arm), "train")[0] if row.id in kept]


def figures(
    trained: Rows,
    tested: Rows,
    said: Mapping[str, Mapping[str, Mapping[str, Sequence[Prediction]]]],
    split: Mapping[str, bool],
) -> dict[str, Table]:
    """Figures by model.

    Args:
        trained: the training questions by context.
        tested: the test questions by context.
        said: replies by "trained" or "tested", model and context.
        split: whether RAFT trained with passages that contain the answer, by id of the training question.
    """
    recalled = {
        (which, name, context): recalls(rows[context], by_context[context])
        for which, rows in (("trained", trained), ("tested", tested))
        for name, by_context in said[which].items()
        for context in CONTEXTS
    }

    def table(which: str) -> Table:
        found: Table = {
            name: {f"{context}: recall": mean(recalled[which, name, context]) for context in CONTEXTS}
            | {f"{context}: right": labelled(by_context[context], "correct") for context in CONTEXTS}
            | {f"{context}: abstained": labelled(by_context[context], "abstain") for context in CONTEXTS}
            for name, by_context in said[which].items()
        }
        found["PA-RAG against RAFT"] = {
            f"{context}: recall": change(recalled[which, CONTROL, context], recalled[which, METHOD, context])
            for context in CONTEXTS
        }
        return found

    def by_split(name: str) -> dict[str, Figure]:
        shown = [split[row.id] for row in trained["failure"]]
        return {
            f"{context}, RAFT trained the {'success' if success else 'failure'} context": mean(
                [one for one, was in zip(recalled["trained", name, context], shown, strict=True) if was == success]
            )
            for context in CONTEXTS
            for success in (False, True)
        }

    return {
        "Trained questions": table("trained"),
        "Recall on trained questions, by the context that RAFT trained": {
            name: by_split(name) for name in said["trained"]
        },
        "Test questions": table("tested"),
    }


def recalls(rows: Sequence[Evidence], predictions: Sequence[Prediction]) -> list[float]:
    """The share of the gold answer's tokens that each reply contains."""
    pairs = zip(rows, predictions, strict=True)
    return [token_recall(said.text, row.question.answers) for row, said in pairs]


if __name__ == "__main__":
    as_program(main)
