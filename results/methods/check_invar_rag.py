"""Invar-RAG (a reconstruction): do rewritten questions find the same passages with and without the invariance term?

python results/methods/check_invar_rag.py

Both arms train a retriever on the same ranked lists with the same number of steps; the control has no invariance term.
Test questions and their rewrites are searched in a small corpus, the best BM25 passages of all test questions. The
check also measures the model before training and BM25 itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from method_check import BASE, Arm, Check, Figure, Table, arguments, as_program, change, mean, open_qa, rate
from numpy.typing import NDArray

from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.dense import DenseRetriever
from hf_selfdemo.data.retrieval.encoder import title_and_text
from hf_selfdemo.generation.representations import Representations, body_of, with_adapter
from hf_selfdemo.methods.rewrites import FORMS, half_window, rewrites
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.scoring.answers.passages import holds_answer

CONTROL, METHOD, BM25 = "no_invariance", "invar_rag", "BM25"
DEPTH = 4
"""Number of passages to retrieve per question."""

WINDOW = "half passages"
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A retriever's passages (`found`) and candidate probabilities (`chances`) for each form of each question."""

    found: Mapping[str, list[tuple[Passage, ...]]]
    chances: Mapping[str, list[Scores]]


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(
        __doc__,
        argv,
        questions=(150, "training questions"),
        steps=(60, "training steps, each on four questions"),
        test_questions=(100, "test questions; those with the answer among their candidates are measured"),
    )
    check = Check("invar_rag", given, quick=("--on_policy_rows", "0"))
    shared = (
        *open_qa(given),
        *("--max_passage_words", "40", "--passages_per_question", "8", "--max_negatives", "3"),
        *("--max_train_questions", str(given.questions), "--max_test_questions", str(given.test_questions)),
        *("--max_steps", str(given.steps), "--generation_batch_size", "16"),
    )
    arms = [
        Arm(CONTROL, "methods/invar_rag", (*shared, "--invariance_weight", "0")),
        Arm(METHOD, "methods/invar_rag", shared),
    ]
    for arm in arms:
        check.run(arm, "demonstrate", "train")
    recipe = check.recipe(arms[1])
    rows = [row for row in recipe_evidence(recipe, "test")[0] if row.answer_in_context]
    corpus = list({passage.id: replace(passage, score=0.0) for row in rows for passage in row.passages}.values())
    temperature = recipe.training.similarity_temperature
    measured = {BM25: Measured(searches(BM25Retriever(corpus), rows), {})}
    for name in (BASE, CONTROL, METHOD):
        encoder = representations(check, recipe, name)
        measured[name] = Measured(
            searches(DenseRetriever(corpus, encoder), rows), probabilities(encoder, rows, temperature)
        )
    check.record(arms, figures(rows, measured), passages=len(corpus), questions=len(rows), trained_into="retriever")


def representations(check: Check, recipe: Any, name: str) -> Representations:
    """The encoder of an arm, or of the model before training."""
    network, tokenizer = recipe.load(recipe.resolve())
    if name == BASE:
        return Representations(body_of(network), tokenizer, identity=BASE)
    return with_adapter(network, tokenizer, check.folder / name / "retriever", name)


def forms_of(row: Evidence) -> dict[str, Question]:
    """A question and its rewrites, by the name of the form."""
    asked = row.question
    return {"original": asked} | {name: replace(asked, text=text) for name, text in rewrites(asked.text).items()}


def searches(retriever: Any, rows: Sequence[Evidence]) -> dict[str, list[tuple[Passage, ...]]]:
    """The best passages of each question, by form; empty if a question has no such form."""
    found = {}
    for name in ("original", *FORMS):
        asked = [(i, forms[name]) for i, forms in enumerate(map(forms_of, rows)) if name in forms]
        found[name] = [()] * len(rows)
        for (i, _), passages in zip(asked, retriever.retrieve([one for _, one in asked], DEPTH), strict=True):
            found[name][i] = passages
    return found


def probabilities(encoder: Representations, rows: Sequence[Evidence], temperature: float) -> dict[str, list[Scores]]:
    """The probabilities of each question's own candidates, by form; empty if a question has no such form."""
    found: dict[str, list[Scores]] = {name: [] for name in ("original", *FORMS, WINDOW)}
    for row in rows:
        forms = forms_of(row)
        halves = [replace(passage, text=half_window(passage, row.question)) for passage in row.passages]
        whole, half = (encoder.encode_passages([*map(title_and_text, texts)]) for texts in (row.passages, halves))
        asked = dict(zip(forms, encoder.encode_questions([one.text for one in forms.values()]), strict=True))
        for name in found:
            passages, vector = (half, asked["original"]) if name == WINDOW else (whole, asked.get(name))
            found[name].append(np.empty(0) if vector is None else softmax(passages @ vector / temperature))
    return found


def softmax(values: Any) -> Scores:
    powers: Scores = np.exp(np.asarray(values, dtype=np.float64) - np.max(values))
    return powers / powers.sum()


def divergence(one: Scores, other: Scores) -> float:
    """Jensen-Shannon divergence in nats.

    Example:
        >>> divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == np.log(2)
        np.True_
    """
    middle = (one + other) / 2

    def kl(p: Scores) -> float:
        held = p > 0
        return float((p[held] * np.log(p[held] / middle[held])).sum())

    return (kl(one) + kl(other)) / 2


def overlap(one: Sequence[Passage], other: Sequence[Passage]) -> float:
    """The share of a question's passages that are also found for its rewrite."""
    return len({p.id for p in one} & {p.id for p in other}) / DEPTH


def hit(row: Evidence, found: Sequence[Passage]) -> bool:
    return any(row.question.is_gold(p) or holds_answer(p, row.question.answers, row.question.text) for p in found)


def figures(rows: Sequence[Evidence], measured: Mapping[str, Measured]) -> dict[str, Table]:
    """The tables: overlap, divergence and hit rate by retriever and form."""
    forms = list(map(forms_of, rows))
    overlaps = {
        name: {
            form: _of(forms, form, lambda i, f=form, m=one: overlap(m.found["original"][i], m.found[f][i]))
            for form in FORMS
        }
        for name, one in measured.items()
    }
    divergences = {
        name: {
            form: _of(forms, form, lambda i, f=form, m=one: divergence(m.chances["original"][i], m.chances[f][i]))
            for form in (*FORMS, WINDOW)
        }
        for name, one in measured.items()
        if one.chances
    }
    hits = {
        name: {
            form: rate(hit(rows[i], one.found[form][i]) for i in range(len(rows)) if form in forms[i])
            for form in ("original", *FORMS)
        }
        for name, one in measured.items()
    }
    return {
        f"Overlap@{DEPTH} with the original question": _table(overlaps),
        "Jensen-Shannon divergence from the original, nats": _table(divergences),
        f"Hit@{DEPTH}": hits,
    }


def _of(forms: Sequence[Mapping[str, Any]], form: str, value: Any) -> dict[int, float]:
    """The value of each question that has the form, by index; every question has half windows."""
    return {i: value(i) for i, known in enumerate(forms) if form in known or form == WINDOW}


def _table(values: Mapping[str, Mapping[str, Mapping[int, float]]]) -> Table:
    """Means by form and over all rewrites of a question, and the paired change by the invariance term."""
    every = {name: {**by_form, "all rewrites": _averaged(by_form)} for name, by_form in values.items()}
    table: Table = {
        name: {form: mean(list(found.values())) for form, found in by_form.items()} for name, by_form in every.items()
    }
    table["change by the term"] = {form: _change(every, form) for form in every[METHOD]}
    return table


def _averaged(by_form: Mapping[str, Mapping[int, float]]) -> dict[int, float]:
    places = {i for form in FORMS for i in by_form[form]}
    of = {i: [by_form[form][i] for form in FORMS if i in by_form[form]] for i in sorted(places)}
    return {i: sum(values) / len(values) for i, values in of.items()}


def _change(every: Mapping[str, Mapping[str, Mapping[int, float]]], form: str) -> Figure:
    before, after = every[CONTROL][form], every[METHOD][form]
    return change([before[i] for i in before], [after[i] for i in before])


if __name__ == "__main__":
    as_program(main)
