"""Comparisons with a known truth: labels and texts drawn by seed, no model."""

from __future__ import annotations

import random
from dataclasses import replace

from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question
from hf_selfdemo.evaluation.report import Column, Comparison

LABELS = ("correct", "incorrect", "abstain")
WORDS = ["river", "stone", "mountain", "library", "treaty", "copper", "engine", "harbour", "century", "bridge"]
TEXTS = {"correct": "It was {}.", "incorrect": "It was the other one.", "abstain": "I don't know.", "unscored": ""}


def evidence(count, seed=0, passages=4, words=95, in_context=0.6):
    """Rows whose answer stands in their first passage, or in none."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        answer, holds = f"Person{i} Surname", rng.random() < in_context
        texts = [" ".join(rng.choices(WORDS, k=words)) + f" ({i})." for _ in range(passages)]
        if holds and texts:
            texts[0] = f"{texts[0]} {answer} came first."
        shown = tuple(Passage(f"p{i}-{j}", text, f"Title {j}") for j, text in enumerate(texts))
        question = Question(f"q{i}", f"Who built the {rng.choice(WORDS)} number {i}?", (answer,), answerable=holds)
        rows.append(Evidence(question, shown, answer_in_context=holds))
    return rows


def replies(rows, labels, mode="rag"):
    """One model's replies with the given labels."""
    return [
        Prediction(
            row.id,
            mode,
            TEXTS[label].format(row.question.answers[0]),
            label,
            row.question.answerable,
            row.answer_in_context,
        )
        for row, label in zip(rows, labels, strict=True)
    ]


def drawn(count, weights=(0.3, 0.5, 0.2), seed=0):
    """Labels drawn with these weights."""
    return random.Random(seed).choices(LABELS, weights, k=count)


def moved(predictions, before, after, count, in_context=None):
    """The same replies, but for the first `count` rows labelled `before`, which become `after`."""
    found, left = [], count
    for p in predictions:
        if left and p.label == before and in_context in (None, p.answer_in_context):
            p, left = replace(p, label=after, text=TEXTS[after].format(p.id)), left - 1
        found.append(p)
    assert not left, f"only {count - left} rows can be moved"
    return found


def comparison(count, names=("base", "tuned"), modes=("rag", "closed_book"), seed=0, **kinds):
    """Models whose labels have nothing to do with each other."""
    rows = evidence(count, seed, **kinds)
    columns = [
        Column(name, {mode: replies(rows, drawn(count, seed=f"{seed}{name}{mode}"), mode) for mode in modes})
        for name in names
    ]
    return Comparison("a model that was made up", columns, {row.id: row for row in rows})
