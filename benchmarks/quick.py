"""How soon help and refusals come: each command in a process of its own, beside importing torch and TRL alone.

    python benchmarks/quick.py --repeats 3 > quick.json

Seconds are those of the CPU (user and system) and those on the wall, the least of so many tries; the share is that of
the CPU seconds that importing torch and TRL takes. The first start fills the cache of TRL's keys.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

RECIPE = ["--config", "quickstart/self_demo"]
MISTAKES = {
    "a mistyped verb": ["trian"],
    "a mistyped key": ["train", *RECIPE, "--learning_rat=1"],
    "a key of another method": ["train", *RECIPE, "--oracle_share=1"],
    "a value of the wrong kind": ["train", *RECIPE, "--window=many"],
    "a value out of range": ["train", *RECIPE, "--window=0"],
    "a recipe that is not there": ["train", "--config", "nowhere.yaml"],
}
IMPORTS = ["-c", "import torch, trl; trl.SFTTrainer"]


def seconds(words: list[str], cache: str) -> dict[str, float]:
    """What one start of Python takes."""
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, *words], capture_output=True, env=os.environ | {"HF_SELFDEMO_CACHE": cache})
    wall, after = time.perf_counter() - start, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return {"cpu_s": round(spent, 2), "wall_s": round(wall, 2)}


def least(words: list[str], cache: str, repeats: int) -> dict[str, float]:
    """The least of several starts."""
    found = [seconds(words, cache) for _ in range(repeats)]
    return {name: min(one[name] for one in found) for name in found[0]}


def main() -> None:
    """Measure all, and print it."""
    from hf_selfdemo.verbs import VERBS, WITHOUT_RECIPE

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="starts of each command, of which the quickest counts")
    repeats = parser.parse_args().repeats
    commands = {f"{verb} --help": [verb, "--help"] for verb in (*VERBS, *WITHOUT_RECIPE)}
    with tempfile.TemporaryDirectory() as cache:
        found = {
            "importing torch and TRL": least(IMPORTS, cache, repeats),
            "train --help, nothing in the cache": seconds(["-m", "hf_selfdemo", "train", "--help"], cache),
        }
        whole = found["importing torch and TRL"]["cpu_s"]
        for name, words in (commands | MISTAKES).items():
            one = least(["-m", "hf_selfdemo", *words], cache, repeats)
            found[name] = one | {"share": round(one["cpu_s"] / whole, 3)}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
