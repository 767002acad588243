"""The benchmark of reading documents measures what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import hf_selfdemo

ROOT = Path(__file__).parents[3]


def test_the_benchmark_reads_its_pages_and_finds_the_repeated_ones():
    there = os.environ | {"PYTHONPATH": str(Path(hf_selfdemo.__file__).parents[1])}
    command = [sys.executable, str(ROOT / "benchmarks" / "documents.py"), "--pages", "20"]
    done = subprocess.run(command, capture_output=True, text=True, env=there)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["pages"] == 20 and found["passages"] > 20 and found["duplicates"] >= 8 and found["wall_s"] > 0
