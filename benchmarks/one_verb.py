"""Runs one verb in a process of its own and measures it. Shared by the benchmarks that compare whole verbs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass


@dataclass(frozen=True)
class Spent:
    """What a verb took: processor seconds, peak memory in GB, and what it printed on stderr."""

    process_s: float
    peak_gb: float
    said: str


def run_verb(*arguments: str) -> Spent:
    """Run `hf-selfdemo` with these arguments. Exits with what the verb said if it fails."""
    command = [sys.executable, "-m", "hf_selfdemo", *arguments]
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
        told.seek(0)
        said = told.read().decode()
    if status:
        sys.exit(f"{arguments[0]} failed: {said}")
    return Spent(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9, said)
