"""Says where a record was collected: the commit of the package, and the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from folders import ROOT


def commit() -> dict[str, Any]:
    """The checked-out commit, and whether `src` or `recipes` differ from it; empty outside a git repository."""
    head = _git("rev-parse", "HEAD")
    return {"commit": head, "changed": bool(_git("status", "--porcelain", "--", "src", "recipes"))} if head else {}


def machine() -> str:
    """Processor, number of cores, memory in GiB and GPUs, in one line."""
    import torch  # slow to import

    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{_processor()}, {os.cpu_count()} cores, {gib:.0f} GiB, {' and '.join(gpus) or 'no GPU'}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", path.read_text()) if path.exists() else None
    return named[1].strip() if named else platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
