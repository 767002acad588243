"""How well the probability of a refusal tells rows apart, before training and after it.

    python results/scripts/tell_apart.py runs/study/self_demo-0 runs/study/self_demo-1

Over the dev rows as retrieved of the first run: the area under the ROC curve between rows whose passages do not hold
the answer and those whose passages do, and between rows that the base model, asked plainly, has wrong and those that it
has right. .5 is chance. A threshold on that probability, wherever it is set, does no better than the curve.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.evaluation.evaluated import PLAIN, Evaluation
from hf_selfdemo.evaluation.report.resampling import Array
from hf_selfdemo.generation.models import load_model, load_tokenizer, resolve_model
from hf_selfdemo.generation.tuned import merged
from hf_selfdemo.prompting.chat import encode_prompt
from hf_selfdemo.prompting.prompts import render

OPENINGS = ("The passage", "The passages", "I don't")
"""How the refusals of this model begin: nearly all of them, before training and after it."""


def area(scores: Array, positive: Array) -> float:
    """The area under the ROC curve: how often a positive row has the higher score (Mann and Whitney 1947).

    Example:
        >>> area(np.array([0.9, 0.2, 0.4]), np.array([True, False, False]))
        1.0
    """
    above = scores[positive][:, None] - scores[~positive][None, :]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def refusal_probabilities(model: Any, tokenizer: Any, rows: Sequence[Evidence]) -> Array:
    """The probability that the reply to each row begins in one of the `OPENINGS`, shape (rows,)."""
    openings = {tuple(tokenizer(text, add_special_tokens=False)["input_ids"][:2]) for text in OPENINGS}
    return np.array([_probability(model, encode_prompt(tokenizer, _prompt(row)), openings) for row in rows])


def _prompt(row: Evidence) -> Any:
    return render("rag", row.question.text, row.passages)


def _probability(model: Any, prompt: list[int], openings: set[tuple[int, ...]]) -> float:
    total = 0.0
    with torch.inference_mode():
        read = model(torch.tensor([prompt], device=model.device), use_cache=True)
        here = read.logits[0, -1].float().softmax(-1)
        for first in {opening[0] for opening in openings}:
            went_on = model(torch.tensor([[first]], device=model.device), past_key_values=read.past_key_values)
            read.past_key_values.crop(-1)
            after = went_on.logits[0, -1].float().softmax(-1)
            total += float(here[first] * sum(after[second] for o, second in openings if o == first))
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description="Say how well the probability of a refusal tells rows apart.")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs; the first has been evaluated on dev")
    given = parser.parse_args()
    try:
        evaluation = Evaluation(given.runs[0] / "evaluation_dev")
        rows = [row for row in evaluation.evidence.values() if not row.gold_removed]
        plain = {p.id: p.label for p in evaluation.column(PLAIN).predictions["rag"]}
        resolved = resolve_model(read_json(given.runs[0] / "model" / "manifest.json")["base"])
    except (UserError, OSError) as error:
        sys.exit(str(error))
    absent = np.array([not row.answer_in_context for row in rows])
    wrong = np.array([plain[row.id] != "correct" for row in rows])
    base, tokenizer = load_model(resolved, "bfloat16"), load_tokenizer(resolved)  # as the study's replies were written
    print(f"{len(rows)} rows: {absent.sum()} without the answer, {wrong.sum()} wrong")
    for name, folder in {"base": None, **{run.name: run / "model" for run in given.runs}}.items():
        model = merged(copy.deepcopy(base), folder) if folder else base
        scores = refusal_probabilities(model, tokenizer, rows)
        print(f"{name}: without the answer {area(scores, absent):.3f}, wrong {area(scores, wrong):.3f}", flush=True)


if __name__ == "__main__":
    main()
