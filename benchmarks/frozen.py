"""What `frozen_layers` saves on this machine: verbs of the quickstart without it, with it, and with it a second time.

    python benchmarks/frozen.py > frozen.json

Targets are gold answers, so that demonstrating makes no call; training takes two epochs. `without` runs all layers,
`first` computes the states of the lower half and keeps them, `again` is a second run that looks them up. For each verb:
process time, and how many tokens the lower half computed and looked up.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from one_verb import run_verb

RECIPE = Path(__file__).parent.parent / "recipes/quickstart/self_demo.yaml"
KEYS = ["--method=ra_it", "--passages_per_question=3", "--max_train_questions=40", "--num_train_epochs=2"]
KEYS += ["--max_test_questions=24", "--on_policy_rows=0", "--meter_rows=0"]
VERBS = ("demonstrate", "train", "evaluate")
LAYERS = 15


def measured(*arguments: str) -> dict[str, float]:
    """Process time of a verb, and the tokens that its lower layers computed and looked up."""
    spent = run_verb(*arguments)
    found = {"process_s": round(spent.process_s, 1)}
    if line := re.search(r"layers computed ([\d,]+) and looked up ([\d,]+)", spent.said):
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
            found[side] = {one: measured(one, *common) for one in VERBS}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
