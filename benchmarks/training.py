"""What training on structured rows costs beside plain SFTTrainer, and what batches of like length are worth.

    python benchmarks/training.py > training.json

LoRA on the model of the quickstart, gold answers as targets (what a target says costs nothing; no call is made), rows
of the embedded corpus. Sides take turns, `--repeats` times:

plain             trl.SFTTrainer on the same rows, rendered and tokenized beforehand, in one order
rows              SelfDemoTrainer, rendered when the batch is made, in the same order
moving            the same with passages shuffled and some left out, anew every epoch
free              (--padding_free, for a GPU with Flash Attention) the same as `moving`, without padding

and on more rows, that show one to twelve passages, `random` batches against batches `grouped` by length.

Figures are tokens of real rows, prompt and response, padding not counted, per second of process time (what the cores
spent; on a GPU wall time is what counts) inside `train()`. The preflight, which SFTTrainer has none of, is given apart.
Only ratios of one run mean anything elsewhere.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import copy
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from hf_selfdemo import (
    BM25Retriever,
    SelfDemoConfig,
    SelfDemoDataCollator,
    SelfDemoTrainer,
    collect_evidence,
    read_passages,
    read_questions,
)
from hf_selfdemo.core.manifest import versions
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.data.rows import FEATURES, evidence_row
from hf_selfdemo.generation.models import DEFAULT_MODEL, load_model, load_tokenizer, resolve_model

AGAINST = {"rows": "plain", "moving": "plain", "free": "plain", "grouped": "random"}
"""What each side is measured against."""

MOVING = {"passage_order": "shuffled", "passage_dropout": 0.1}


def rows_of(evidence: Sequence[Evidence]) -> Dataset:
    """Rows that answer with the gold answer."""
    made = [
        evidence_row(row) | {"response": row.question.answers[0], "outcome": "answer", "source": "gold"}
        for row in evidence
    ]
    return Dataset.from_list(made, features=FEATURES)


class Bench:
    """Trains copies of one model and measures each."""

    def __init__(self, model: Any, tokenizer: Any, options: Any) -> None:
        self.model, self.tokenizer, self.options = model, tokenizer, options
        self.lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")

    def keys(self, folder: str) -> dict[str, Any]:
        """What all sides have in common."""
        return {
            "output_dir": folder,
            "per_device_train_batch_size": self.options.batch_size,
            "num_train_epochs": 1,
            "learning_rate": 1e-4,
            "logging_steps": 10_000,
            "save_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
            "gradient_checkpointing": False,
            "bf16": self.model.dtype == torch.bfloat16,
            "max_length": None,
        }

    def plain(self, rows: Dataset) -> dict[str, float]:
        """TRL's trainer on token ids and labels; its own preparation has nothing left to do."""
        encoded = [SelfDemoDataCollator(self.tokenizer, None).encode(row) for row in rows]
        ids = [
            {"input_ids": row.prompt + row.response, "labels": [-100] * len(row.prompt) + row.response}
            for row in encoded
        ]
        with tempfile.TemporaryDirectory() as folder:
            args = SFTConfig(**self.keys(folder), train_sampling_strategy="sequential")
            trainer = SFTTrainer(
                copy.deepcopy(self.model),
                args,
                train_dataset=Dataset.from_list(ids),
                processing_class=self.tokenizer,
                peft_config=self.lora,
            )
            return self.measured(trainer)

    def rows(self, rows: Dataset, sampling: str = "sequential", **keys: Any) -> dict[str, float]:
        """Ours."""
        with tempfile.TemporaryDirectory() as folder:
            keys = self.keys(folder) | {"train_sampling_strategy": sampling, "meter_rows": 0} | keys
            args = SelfDemoConfig(**keys)
            start = time.process_time()
            trainer = SelfDemoTrainer(copy.deepcopy(self.model), args, rows, self.tokenizer, peft_config=self.lora)
            made = time.process_time() - start
            return self.measured(trainer) | {"made_s": made}

    def measured(self, trainer: Any) -> dict[str, float]:
        trainer.remove_callback(PrinterCallback)  # standard output is for the figures
        wall, process = time.perf_counter(), time.process_time()
        trainer.train()
        wall, process = time.perf_counter() - wall, time.process_time() - process
        tokens = trainer._total_train_tokens
        return {
            "tokens": tokens,
            "process_s": process,
            "wall_s": wall,
            "rate": tokens / (wall if self.gpu else process),
        }

    @property
    def gpu(self) -> bool:
        return bool(self.model.device.type == "cuda")


def import_seconds() -> dict[str, Any]:
    """A cold `import hf_selfdemo`, beyond what Python itself takes to start; and whether it brought torch along."""

    def best(code: str) -> float:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        return min(times)

    code = "import sys, hf_selfdemo; print('torch' in sys.modules)"
    torch_too = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return {"import_s": round(best("import hf_selfdemo") - best("pass"), 3), "brings_torch": torch_too == "True"}


def main() -> None:
    """Let the sides take turns on the same rows and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--mixed_questions", type=int, default=32)
    parser.add_argument("--passages", type=int, default=3)
    parser.add_argument("--max_words", type=int, default=30, help="of a passage")
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="these sides alone")
    parser.add_argument("--padding_free", action="store_true", help="on a GPU with Flash Attention")
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    resolved = resolve_model(options.model)
    model, tokenizer = load_model(resolved), load_tokenizer(resolved)
    bench = Bench(model, tokenizer, options)
    questions = [q for q in read_questions("embedded") if q.answerable][:: max(1, 192 // options.mixed_questions)]
    retriever = BM25Retriever(read_passages("embedded", max_words=options.max_words))
    deep = collect_evidence(questions[: options.mixed_questions], retriever, 12)
    alike = rows_of([replace(r, passages=r.passages[: options.passages]) for r in deep[: options.questions]])
    mixed = rows_of([replace(row, passages=row.passages[: 1 + (5 * i) % 12]) for i, row in enumerate(deep)])
    sides: dict[str, Callable[[], dict[str, float]]] = {
        "plain": lambda: bench.plain(alike),
        "rows": lambda: bench.rows(alike),
        "moving": lambda: bench.rows(alike, **MOVING),
        "random": lambda: bench.rows(mixed, "random"),
        "grouped": lambda: bench.rows(mixed, "group_by_length"),
    }
    if options.padding_free:
        sides["free"] = lambda: bench.rows(alike, padding_free=True, **MOVING)
    sides = {name: side for name, side in sides.items() if not options.only or name in options.only}
    bench.rows(alike.select(range(options.batch_size)))  # the first steps of a process allocate and tune
    found: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _ in range(options.repeats):
        for name, side in sides.items():
            found[name].append(side())
            print(f"{name}: {found[name][-1]['rate']:.1f} tokens a second", file=sys.stderr)
    rate = {name: statistics.median(run["rate"] for run in runs) for name, runs in found.items()}
    result = {
        "settings": vars(options) | {"fingerprint": resolved.fingerprint, "device": str(model.device)},
        "sides": found,
        "tokens_per_second": {name: round(value, 1) for name, value in rate.items()},
        "ratios": {
            f"{side}_to_{against}": round(rate[side] / rate[against], 3)
            for side, against in AGAINST.items()
            if side in rate and against in rate
        },
        "import": import_seconds(),
        "versions": versions(),
    }
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
