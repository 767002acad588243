"""What `dtype: auto` is worth on this machine: the quickstart's verbs in float32 and as `auto` has them.

    python benchmarks/precision.py > precision.json

Fewer rows than the quickstart's, sixteen steps of training. By precision and verb: process time, the largest size of
the process, and what `hf-selfdemo plan` says of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROWS = ["--max_train_questions=40", "--train_twins=10", "--max_test_questions=30", "--max_steps=16"]
RECIPE = Path(__file__).parent.parent / "recipes/quickstart/self_demo.yaml"
VERBS = ("demonstrate", "train", "evaluate")


def verb(*arguments: str) -> dict[str, float]:
    """Run a verb in a process of its own."""
    command = [sys.executable, "-m", "hf_selfdemo", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{arguments[0]} failed")
    return {"process_s": used.ru_utime + used.ru_stime, "peak_gb": used.ru_maxrss * 1024 / 1e9}


def main() -> None:
    found: dict[str, Any] = {}
    for dtype in ("auto", "float32"):
        with tempfile.TemporaryDirectory() as folder:
            common = ["--config", str(RECIPE), f"--dtype={dtype}", f"--output_dir={folder}", *ROWS]
            verb("plan", *common, "--plan_questions=0")
            planned = json.loads((Path(folder) / "plan.json").read_text())["memory_gb"]
            found[dtype] = {one: verb(one, *common) | {"planned_gb": sum(planned[one].values())} for one in VERBS}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
