"""What `frozen_layers` saves on this machine: the quickstart's verbs without it, with it, and with it once more.

    python benchmarks/frozen.py > frozen.json

Gold answers as targets, so that no call is made for them; two epochs. `without` runs all layers, `first` keeps what the
lower half makes of every text, `again` is another run that finds it there. By verb: process time, and how many tokens
were computed and looked up.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

RECIPE = Path(__file__).parent.parent / "recipes/quickstart/self_demo.yaml"
KEYS = ["--method=ra_it", "--passages_per_question=3", "--max_train_questions=40", "--num_train_epochs=2"]
KEYS += ["--max_test_questions=24", "--on_policy_rows=0", "--meter_rows=0"]
VERBS = ("demonstrate", "train", "evaluate")
LAYERS = 15


def verb(*arguments: str) -> dict[str, float]:
    """Run a verb in a process of its own."""
    command = [sys.executable, "-m", "hf_selfdemo", *arguments]
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
        told.seek(0)
        said = told.read().decode()
    if status:
        sys.exit(f"{arguments[0]} failed: {said}")
    found = {"process_s": round(used.ru_utime + used.ru_stime, 1)}
    if line := re.search(r"layers computed ([\d,]+) and looked up ([\d,]+)", said):
        computed, looked_up = (int(number.replace(",", "")) for number in line.groups())
        found |= {"computed": computed, "looked_up": looked_up}
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for side in ("without", "first", "again"):
            common = ["--config", str(RECIPE), f"--output_dir={folder}/{side}", *KEYS]
            if side != "without":
                common += [f"--frozen_layers={LAYERS}", f"--frozen_dir={folder}/frozen"]
            found[side] = {one: verb(one, *common) for one in VERBS}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
