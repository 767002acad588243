"""What `hf-selfdemo plan` says of the memory of training, beside what training takes.

    python benchmarks/footprint.py > footprint.json

Two steps of LoRA on every linear layer of the quickstart's model in float32, two rows of some 1,100 tokens, with all
activations kept and with checkpointing. Measured is the process at its largest less what it had after its imports.

exact      freed memory goes back at once, so that what is there is what is held
default    as glibc does it: freed blocks are kept for later, some of which never fit again

Linux alone: both figures come from /proc and from glibc.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""What tells glibc to give memory back."""

ROWS, STEPS = 2, 2


def measured(checkpointing: bool) -> dict[str, Any]:
    """Train in this process; gigabytes estimated and measured."""
    from hf_selfdemo.data.rows import evidence_row
    from hf_selfdemo.recipe.evidence import recipe_evidence
    from hf_selfdemo.recipe.start import load_start, training_start
    from hf_selfdemo.training.sft import SelfDemoTrainer
    from hf_selfdemo.verbs.cli import parse, quiet
    from hf_selfdemo.verbs.footprint.fits import recipe_shape
    from hf_selfdemo.verbs.footprint.memory import Precision, training_memory

    quiet()
    flags = [f"--output_dir={tempfile.mkdtemp()}", "--use_cpu", "--passages_per_question=12", "--lora_dropout=0"]
    flags += [f"--max_steps={STEPS}", f"--per_device_train_batch_size={ROWS}", "--meter_rows=0", "--report_to=none"]
    recipe = parse([*flags, "--max_train_unanswerable=0", f"--gradient_checkpointing={checkpointing}"])
    evidence = recipe_evidence(recipe, "train")[0][: ROWS * STEPS]
    rows = [evidence_row(row) | {"response": row.question.answers[0], "outcome": "answer"} for row in evidence]
    before = memory("VmRSS")
    network, tokenizer, options = load_start(recipe, training_start(recipe))
    trainer = SelfDemoTrainer(network, recipe.training, rows, tokenizer, **options)
    batches = []

    def loss(model: Any, inputs: dict[str, Any], *more: Any, **keys: Any) -> Any:
        batches.append((*inputs["labels"].shape, int((inputs["labels"] != -100).any(0).sum())))
        return SelfDemoTrainer.compute_loss(trainer, model, inputs, *more, **keys)

    trainer.compute_loss = loss
    trainer.train()
    shape = recipe_shape(recipe)
    estimates = [training_memory(shape, Precision(), *batch, checkpointing) for batch in batches]
    largest = max(sum(parts.values()) for parts in estimates) / 1e9
    return {"batches": batches, "estimated_gb": largest, "measured_gb": memory("VmHWM") - before}


def memory(key: str) -> float:
    """Gigabytes of this process: VmRSS now, VmHWM at its largest."""
    [kibibytes] = re.findall(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kibibytes) * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--here", choices=["kept", "checkpointed"], help="measure this one in this process")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measured(options.here == "checkpointed")))
        return
    found: dict[str, Any] = {}
    for what in ("kept", "checkpointed"):
        for how, settings in (("exact", AT_ONCE), ("default", {})):
            command = [sys.executable, __file__, "--here", what]
            output = subprocess.run(
                command, env=os.environ | settings, check=True, capture_output=True, text=True
            ).stdout
            found[f"{what}, {how}"] = json.loads(output.splitlines()[-1])
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
