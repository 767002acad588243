"""Runs whose outcomes are known, in folders as the verbs leave them; no model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import Evidence, Label, Passage, Prediction, Question
from hf_selfdemo.evaluation.evaluated import write_manifest, write_predictions, write_rows

LABELS: dict[str, Label] = {"c": "correct", "i": "incorrect", "a": "abstain", "u": "unscored"}

WHENCE = {"package": {"commit": "0123456789abcdef", "changed": False}, "machine": "a machine that was made up"}

ROWS = [Evidence(Question(f"q{i}", f"Who was number {i}?", (f"N{i}",), source="nq"), (), i < 6) for i in range(9)]
TWINS = [
    Evidence(row.question, (Passage("p", "Somebody else."),), answer_in_context=False, gold_removed=True)
    for row in ROWS[:3]
]
EVIDENCE = [*ROWS, *TWINS]
"""Six questions with the answer in their passages, three without it, and twins of the first three."""


def replies(labels: str, mode: str = "rag", evidence: list[Evidence] | None = None) -> list[Prediction]:
    """Replies with these labels, a letter a row."""
    rows = [row for row in evidence or EVIDENCE if mode == "rag" or not row.gold_removed]
    return [
        Prediction(
            row.id,
            mode,  # type: ignore[arg-type]
            f"{LABELS[letter]} reply",
            LABELS[letter],
            row.question.answerable and not row.gold_removed,
            row.answer_in_context,
            row.question.source,
        )
        for row, letter in zip(rows, labels, strict=True)
    ]


def evaluated(
    folder: Path,
    columns: Mapping[str, Mapping[str, str]],
    evidence: list[Evidence] | None = None,
    settings: Mapping[str, Any] | None = None,
    judge: str = "j1",
) -> None:
    """A finished evaluation: labels by column and mode."""
    folder.mkdir(parents=True)
    write_rows(folder, evidence or EVIDENCE)
    for name, modes in columns.items():
        for mode, labels in modes.items():
            write_predictions(folder, name, mode, replies(labels, mode, evidence))
    usage = {"calls": 2, "prompt_tokens": 30, "cached_tokens": 10, "generated_tokens": 5}
    by_column: dict[str, dict[str, Any]] = {
        "models": dict.fromkeys(columns, ""),
        "judges": {name: {"name": "answer_match", "code": judge} for name in columns},
        "usage": dict.fromkeys(columns, usage),
        "reused": dict.fromkeys(columns, usage),
        "training": {name: {} for name in columns},
    }
    asked = {"base": "b1", "templates": "t1", "evidence": "e1", "max_answer_tokens": 24, **(settings or {})}
    about = {"title": "made up", "settings": asked, "data": {"test_questions": ["/data/nq.jsonl"]}, "recall": {}}
    write_manifest(folder, list(next(iter(columns.values()))), by_column, about)


def trained(run: Path, seed: int, tokens: int = 4000) -> None:
    """The manifests of a run's demonstrations and training."""
    usage = {"calls": 10, "prompt_tokens": 900, "cached_tokens": 300, "generated_tokens": 70, "by_stage": {}}
    write_json(
        run / "demonstrations" / "manifest.json",
        {
            "rows_in": 9,
            "demonstrations": 7,
            "outcomes": {"answers (from rag candidates)": 5, "abstentions (from refusal candidates)": 2},
            "skipped": {"nothing right although the passages hold the answer": 2},
            "on_policy": {"target_nll_per_token": 0.5},
            "settings": {"method": "self_demo", "rag_candidates": 3},
            "selection": {"abstain_when": "not_in_context"},
            "usage": usage,
            "reused": usage,
            "versions": {"engine": "2.12.0"},
        },
    )
    write_json(
        run / "model" / "manifest.json",
        {
            "settings": {"objective": "sft", "seed": seed, "learning_rate": 0.5, "max_grad_norm": 1.0},
            "rows_trained": 7,
            "on_policy": {"base": {"on_policy/chosen": 0.75}, "tuned": {"on_policy/chosen": 0.25}},
            "metrics": {"train_runtime": 12.5},
            "log": [{"step": 1, "num_tokens": 100.0}, {"step": 3, "num_tokens": float(tokens)}, {"step": 3}],
            "versions": {"engine": "2.13.0"},
        },
    )


BASE = {"rag": "ccciiiiii" + "iia", "closed_book": "ciiiiiiii"}


def run(
    folder: Path, name: str, labels: str, closed_book: str = "ciiiiiiii", base: Mapping[str, str] = BASE, **how: Any
) -> Path:
    """A whole run: demonstrations, training, and base and tuned model evaluated."""
    seed = int(name.rpartition("-")[2])
    trained(folder / name, seed)
    columns = {"base": base, "tuned": {"rag": labels, "closed_book": closed_book}}
    evaluated(folder / name / "evaluation", columns, **how)
    return folder / name
