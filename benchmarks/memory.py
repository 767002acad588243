"""Does memory grow with the number of questions? The whole pipeline over N and over 10 N made-up rows.

    python benchmarks/memory.py --questions 2000 > memory.json

Each size runs in a process of its own, with a scripted generator, the tournament and the ledger: with a real model its
weights would hide any growth. Rows come from a generator, as they would from a dataset on disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


def rows(count: int) -> Iterator:
    """Questions with four passages of a hundred words, no two alike."""
    from hf_selfdemo import Evidence, Passage, Question

    for i in range(count):
        passages = tuple(
            Passage(f"{i}/{k}", f"The answer to number {i} is {i * 7}. " + f"word{i} " * 95) for k in range(4)
        )
        yield Evidence(Question(f"q{i}", f"What is the answer to number {i}?", (str(i * 7),)), passages, True)


def one(count: int) -> None:
    """Run the pipeline and print the peak memory in MB."""
    from hf_selfdemo import ScriptedGenerator, SelfDemo, demonstrate
    from hf_selfdemo.core.ledger import Ledger
    from hf_selfdemo.generation.recorded import RecordedGenerator
    from hf_selfdemo.judging.tournament import TournamentJudge

    def reply(request):
        if request.choices:
            return request.choices[0]
        return "It is not said." if request.stage == "refusal" else f"It is {int(request.id.split('/')[0][1:]) * 7}."

    with tempfile.TemporaryDirectory() as folder:
        generator = RecordedGenerator(ScriptedGenerator(reply), Ledger(Path(folder) / "ledger.sqlite"))
        dataset = demonstrate(rows(count), SelfDemo(), generator, TournamentJudge(), Path(folder) / "run")
        assert len(dataset) == count
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Measure both sizes and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--one", type=int, help="only this size, in this process")
    options = parser.parse_args()
    if options.one:
        one(options.one)
        return
    peaks = {}
    for count in (options.questions, 10 * options.questions):
        done = subprocess.run([sys.executable, __file__, "--one", str(count)], stdout=subprocess.PIPE, text=True)
        peaks[count] = float(done.stdout.split()[-1])
        print(f"{count} questions: {peaks[count]:.0f} MB", file=sys.stderr)
    small, large = peaks.values()
    json.dump({"peak_mb": peaks, "ratio": round(large / small, 3)}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
