"""What `dtype: auto` is worth on this machine: the quickstart's verbs in float32 and as `auto` has them.

    python benchmarks/precision.py > precision.json

Fewer rows than the quickstart's, sixteen steps of training. By precision and verb: process time, the largest size of
the process, and what `hf-selfdemo plan` says of it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from one_verb import run_verb

ROWS = ["--max_train_questions=40", "--train_twins=10", "--max_test_questions=30", "--max_steps=16"]
RECIPE = Path(__file__).parent.parent / "recipes/quickstart/self_demo.yaml"
VERBS = ("demonstrate", "train", "evaluate")


def measured(*arguments: str) -> dict[str, float]:
    """Process time and peak memory of a verb."""
    spent = run_verb(*arguments)
    return {"process_s": spent.process_s, "peak_gb": spent.peak_gb}


def main() -> None:
    found: dict[str, Any] = {}
    for dtype in ("auto", "float32"):
        with tempfile.TemporaryDirectory() as folder:
            common = ["--config", str(RECIPE), f"--dtype={dtype}", f"--output_dir={folder}", *ROWS]
            run_verb("plan", *common, "--plan_questions=0")
            planned = json.loads((Path(folder) / "plan.json").read_text())["memory_gb"]
            found[dtype] = {one: measured(one, *common) | {"planned_gb": sum(planned[one].values())} for one in VERBS}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
