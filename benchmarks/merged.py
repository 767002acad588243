"""What a merged adapter costs beside its base: the first pass over a batch, which computes the logits of one column.

    python benchmarks/merged.py > merged.json

Weights that require no gradient, as those of a merged adapter, are where torch multiplies a strided batch by one copy
of the weight a row; `last_logits` makes the columns contiguous on their way into the head. Measured in a process each:

base       the model as it is loaded
merged     with a LoRA adapter merged into it
strided    the same, asked for one column's logits without `last_logits`

`head_s` is process time within the head, `pass_s` of the whole pass, `peak_mb` the process at its largest during the
pass less what it had before (Linux alone: both come from /proc). Prompts are random tokens.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from hf_selfdemo.core.manifest import versions
from hf_selfdemo.generation.last_logits import last_logits
from hf_selfdemo.generation.models import DEFAULT_MODEL, load_model, resolve_model
from hf_selfdemo.verbs.cli import quiet

SIDES = ("base", "merged", "strided")
DTYPES = ("float32", "bfloat16")


def measured(side: str, dtype: str, options: Any) -> dict[str, float]:
    """One pass in this process."""
    from peft import LoraConfig, get_peft_model

    quiet()
    model = load_model(resolve_model(options.model), dtype)
    if side != "base":
        lora = LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, lora).merge_and_unload().eval()
    torch.manual_seed(0)
    ids = torch.randint(100, 1000, (options.rows, options.tokens))
    times: list[float] = []
    head = model.get_output_embeddings()
    head.register_forward_pre_hook(lambda *_: times.append(-time.process_time()))
    head.register_forward_hook(lambda *_: times.append(time.process_time()))
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew, at what is there now
    before = memory_mb("VmRSS")
    with torch.inference_mode():
        start = time.process_time()
        if side == "strided":
            model(input_ids=ids, logits_to_keep=1)
        else:
            last_logits(model, 1, input_ids=ids)
        spent = time.process_time() - start
    return {"head_s": round(sum(times), 3), "pass_s": round(spent, 2), "peak_mb": round(memory_mb("VmHWM") - before)}


def memory_mb(key: str) -> float:
    """Of this process: VmRSS now, VmHWM at its largest."""
    [kibibytes] = re.findall(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kibibytes) / 1024


def main() -> None:
    """Measure all sides in both precisions and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--rows", type=int, default=36)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--here", nargs=2, metavar=("SIDE", "DTYPE"), help="only this, in this process")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measured(*options.here, options)))
        return
    found: dict[str, Any] = {}
    for dtype in DTYPES:
        for side in SIDES:
            output = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--here", side, dtype], check=True, stdout=subprocess.PIPE
            ).stdout
            found.setdefault(dtype, {})[side] = json.loads(output.splitlines()[-1])
            print(dtype, side, found[dtype][side], file=sys.stderr)
    del options.here
    json.dump({"settings": vars(options), **found, "versions": versions()}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
