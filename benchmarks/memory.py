"""Does memory grow with the number of questions? The command, and the pipeline as a library, over ever more of them.

    python benchmarks/memory.py --questions 1000 8000 24000 > memory.json

Each size runs in a process of its own. `command` is `hf-selfdemo demonstrate` over a file of questions with ten
passages each, by a strategy that asks no model; `pipeline` is `demonstrate` with a scripted generator, the tournament
and the ledger, over rows from a generator: with a real model its weights would hide any growth.
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


def command(count: int) -> None:
    """Run the command over a file of questions and print its peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        questions = Path(folder) / "questions.jsonl"
        with questions.open("w", encoding="utf-8") as out:
            for i in range(count):
                passages = [
                    {"id": f"{i}/{k}", "text": f"The answer to number {i} is {i * 7}. " + f"w{i}/{k} " * 70}
                    for k in range(10)
                ]
                row = {"id": f"q{i}", "question": f"What is the answer to number {i}?", "answers": [str(i * 7)]}
                out.write(json.dumps(row | {"passages": passages}) + "\n")
        keys = {
            "output_dir": f"{folder}/run",
            "train_questions": str(questions),
            "columns": "passages=passages",
            "retriever": "given",
            "passages_per_question": "10",
            "method": "ra_it",
            "on_policy_rows": "0",
            "train_twins": "0",
        }
        flags = [word for key, value in keys.items() for word in (f"--{key}", value)]
        subprocess.run([sys.executable, "-m", "hf_selfdemo", "demonstrate", *flags], check=True, capture_output=True)
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def main() -> None:
    """Measure all sizes both ways and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, nargs="+", default=[1000, 8000, 24000])
    parser.add_argument("--ways", nargs="+", choices=["command", "pipeline"], default=["command", "pipeline"])
    parser.add_argument("--one", type=int, help="only this size in the first of the ways, in this process")
    options = parser.parse_args()
    if options.one:
        (command if options.ways[0] == "command" else one)(options.one)
        return
    peaks: dict[str, dict[int, float]] = {}
    for way in options.ways:
        for count in options.questions:
            own = [sys.executable, __file__, "--ways", way, "--one", str(count)]
            done = subprocess.run(own, stdout=subprocess.PIPE, text=True, check=True)
            peaks.setdefault(way, {})[count] = round(float(done.stdout.split()[-1]))
            print(f"{way}, {count} questions: {peaks[way][count]} MB", file=sys.stderr)
    json.dump({"peak_mb": peaks}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
