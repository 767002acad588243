"""How long it takes to read documents: pages of Markdown, made up, to passages without duplicates.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/documents.py --pages 1000 > documents.json

A page has 400 words under two headings, every tenth page repeats an earlier one. Seconds are those of the CPU (user
and system) and those on the wall, without the imports.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import tempfile
import time
from pathlib import Path

_WORDS_A_SENTENCE, _SENTENCES, _HEADINGS = 10, 20, 2


def page(number: int) -> str:
    """A page of Markdown in made-up words."""
    rng = random.Random(number)
    words = [f"{first}{second}{rng.randrange(10)}" for first in "bdfglm" for second in ("an", "er", "ol", "ist")]
    parts = []
    for heading in range(_HEADINGS):
        sentences = (" ".join(rng.choices(words, k=_WORDS_A_SENTENCE)).capitalize() + "." for _ in range(_SENTENCES))
        parts.append(f"{'#' * (heading + 1)} Part {number}.{heading}\n\n{' '.join(sentences)}\n")
    return "\n".join(parts)


def measured(pages: int) -> dict[str, object]:
    """Seconds and counts of reading so many pages, a file each."""
    from hf_selfdemo.data.documents import read_documents

    with tempfile.TemporaryDirectory() as folder:
        for number in range(pages):
            (Path(folder) / f"{number:05}.md").write_text(page(number - number % 10 // 9 * 9), encoding="utf-8")
        (Path(folder) / "warm").mkdir()
        (Path(folder) / "warm" / "up.md").write_text(page(-1), encoding="utf-8")
        read_documents([f"{folder}/warm"])  # imports the libraries
        before, start = os.times(), time.perf_counter()
        found = read_documents([folder])
        wall, after = time.perf_counter() - start, os.times()
    cpu = after.user + after.system - before.user - before.system
    return {
        "pages": pages,
        "passages": len(found.passages),
        "duplicates": len(found.duplicates),
        "cpu_s": round(cpu, 2),
        "wall_s": round(wall, 2),
        "pages_per_cpu_second": round(pages / cpu, 1) if cpu else None,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=1000, help="pages, a file each")
    print(json.dumps(measured(parser.parse_args().pages), indent=1))


if __name__ == "__main__":
    main()
