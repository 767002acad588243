"""Runs whose outcomes are known, in folders as the verbs leave them; no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from folders import StudyFolder

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


Attempts: TypeAlias = tuple[str, Sequence[float]]
"""Letters of withheld answers, and a signal a row."""


def study_folder(
    path: Path, labels: Mapping[str, str] | None = None, ablations: Mapping[str, Any] | None = None
) -> StudyFolder:
    """A study's folder with these settings, or without any."""
    path.mkdir(parents=True, exist_ok=True)
    for name, settings in {"systems": labels, "ablations": ablations}.items():
        if settings is not None:
            (path / f"{name}.yaml").write_text(yaml.safe_dump(dict(settings), sort_keys=False))
    return StudyFolder(path)


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


def attempted(said: list[Prediction], withheld: str, sure: Sequence[float]) -> list[Prediction]:
    """Replies with a signal each, and with withheld answers: a letter a row, a dot where there is none."""
    found = []
    for p, letter, value in zip(said, withheld, sure, strict=True):
        signals = (("logprob", value),)
        other = None if letter == "." else replace(p, text="withheld", label=LABELS[letter], signals=signals)
        found.append(replace(p, signals=() if other else signals, withheld=other))
    return found


def evaluated(
    folder: Path,
    columns: Mapping[str, Mapping[str, str]],
    evidence: list[Evidence] | None = None,
    settings: Mapping[str, Any] | None = None,
    judge: str = "j1",
    attempts: Mapping[str, Attempts] | None = None,
    calls: Mapping[str, int] | None = None,
) -> None:
    """A finished evaluation: labels by column and mode, what replies with passages were made of, and their calls."""
    folder.mkdir(parents=True)
    write_rows(folder, evidence or EVIDENCE)
    for name, modes in columns.items():
        for mode, labels in modes.items():
            said = replies(labels, mode, evidence)
            tried = (attempts or {}).get(name) if mode == "rag" else None
            write_predictions(folder, name, mode, attempted(said, *tried) if tried else said)
    usage = {"calls": 2, "prompt_tokens": 30, "cached_tokens": 10, "generated_tokens": 5}
    by_column: dict[str, dict[str, Any]] = {
        "models": dict.fromkeys(columns, ""),
        "judges": {name: {"name": "answer_match", "code": judge} for name in columns},
        "usage": dict.fromkeys(columns, usage),
        "reused": dict.fromkeys(columns, usage),
        "training": {name: {} for name in columns},
    }
    if calls:
        by_column["asking"] = {name: {"rag": usage | {"questions": 12, "calls": calls[name]}} for name in columns}
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
            "skipped": {"no candidate is correct although the passages contain the answer": 2},
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
