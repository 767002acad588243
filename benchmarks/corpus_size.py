"""What BM25 takes over ever larger corpora: seconds and memory to read, build, save, map and search.

    OMP_NUM_THREADS=1 python benchmarks/corpus_size.py --passages 100000 1000000 > results/benchmark_corpus_size.json

The passages are made up by seed: lengths and titles are those of real passages, words are drawn one by one by how often
the real corpus has them (../shared/data/open_qa, 35,098 passages). Real text repeats its words, so a real passage has
fewer different ones, and a larger real corpus has a larger vocabulary; a made-up one keeps that of the small corpus.

read and build          `read_passages`, `BM25Retriever`, `save`, one after the other in one process
load, first             opens the saved index; hashes of its files are computed
load and search         opens it again (hashes are known), and searches real test questions
two processes           both have opened it and searched the same questions; each tells its proportional share

Every stage has its peak of resident memory, for which the kernel's own mark is reset, and what is resident at its end:
anonymous, and mapped from files, which processes share. Linux alone. `growth` is the largest corpus over the smallest.
`at_21_million` is no measurement: figures are continued in a straight line through the two.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WIKIPEDIA = 21_000_000
"""Passages of 100 words, as by Karpukhin et al. 2020."""

DEPTH = 20
_AT_ONCE = 10_000


def write_corpus(path: Path, count: int, seed: int = 0) -> None:
    """Made-up passages, as the module says.

    Args:
        path: of the file.
        count: of the passages.
        seed: of the draw.
    """
    import numpy as np
    from in_context import lines

    rows, draw = lines("corpus.jsonl.gz"), np.random.default_rng(seed)
    texts = [row["text"].split() for row in rows]
    counts = Counter(word for text in texts for word in text)
    words = np.array(list(counts), dtype=object)
    shares = np.cumsum(np.fromiter(counts.values(), dtype=np.float64))
    with path.open("w", encoding="utf-8") as out:
        for start in range(0, count, _AT_ONCE):
            some = draw.integers(len(rows), size=min(_AT_ONCE, count - start))
            ends = np.cumsum([len(texts[place]) for place in some])
            drawn = words[np.searchsorted(shares, draw.random(int(ends[-1])) * shares[-1], side="right")]
            for place, of, text in zip(range(start, count), some, np.split(drawn, ends[:-1]), strict=False):
                row = {"id": f"p{place}", "title": rows[of]["title"], "text": " ".join(text)}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


def memory_mb(key: str) -> int:
    """Of this process: RssAnon, RssFile, or VmHWM, the peak of both."""
    with open("/proc/self/status") as status:
        return round(next(int(line.split()[1]) for line in status if line.startswith(f"{key}:")) / 1024)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Print what the block took as one line of JSON."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    clock, processor = time.perf_counter(), time.process_time()
    yield
    figures = {
        "clock_s": round(time.perf_counter() - clock, 2),
        "processor_s": round(time.process_time() - processor, 2),
        "peak_mb": memory_mb("VmHWM"),
        "anonymous_mb": memory_mb("RssAnon"),
        "mapped_mb": memory_mb("RssFile"),
    }
    print(json.dumps({name: figures}), flush=True)


def build(corpus: Path, folder: Path) -> None:
    """Read, build and save."""
    from hf_selfdemo.data.questions import read_passages
    from hf_selfdemo.data.retrieval.bm25 import BM25Retriever

    with stage("read"):
        passages = read_passages(str(corpus))
    with stage("build"):
        retriever = BM25Retriever(passages)
    with stage("save"):
        retriever.save(folder)


def search(folder: Path, count: int) -> None:
    """Load and search, and wait until standard input ends."""
    from in_context import questions_of

    from hf_selfdemo.data.retrieval.bm25 import BM25Retriever

    questions = questions_of("test.jsonl.gz", count)
    with stage("load"):
        retriever = BM25Retriever.load(folder)
    if questions:
        with stage("search"):
            found = retriever.retrieve(questions, DEPTH)
        print(json.dumps({"found": hashlib.sha256(repr(found).encode()).hexdigest()[:16]}), flush=True)
    sys.stdin.read()


def started(*words: str) -> subprocess.Popen[str]:
    """This script in a process of its own."""
    command = [sys.executable, __file__, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def figures(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a process printed, once it has ended."""
    said, _ = process.communicate("")
    if process.returncode:
        sys.exit(f"{' '.join(process.args)} failed")  # type: ignore[arg-type]
    return {name: value for line in said.splitlines() for name, value in json.loads(line).items()}


def sharing(folder: Path, count: int) -> dict[str, Any]:
    """Two processes search the same index: what each has resident, and its share, in MB."""
    found, processes = [], [started("--search", str(folder), "--questions", str(count)) for _ in range(2)]
    for process in processes:
        assert process.stdout
        while "found" not in json.loads(process.stdout.readline()):
            pass
    for process in processes:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {line.split(":")[0]: round(int(line.split()[1]) / 1024) for line in rollup}
        keys = ("Rss", "Pss", "Pss_Anon", "Pss_File", "Private_Clean", "Private_Dirty", "Shared_Clean")
        found.append({key.lower(): sizes[key] for key in keys})
    for process in processes:
        process.communicate("")
    return {"each": found, "pss_of_both": sum(sizes["pss"] for sizes in found)}


def measure(count: int, questions: int, scratch: Path) -> dict[str, Any]:
    """One size of corpus."""
    corpus, folder = scratch / f"{count}.jsonl", scratch / f"index_{count}"
    subprocess.run([sys.executable, __file__, "--write", str(corpus), "--passages", str(count)], check=True)
    found = figures(started("--build", str(corpus), str(folder)))
    time.sleep(3)  # the hash of a file that was written just now is not remembered
    first = figures(started("--search", str(folder), "--questions", "0"))
    found |= {"load_first": first["load"], **figures(started("--search", str(folder), "--questions", str(questions)))}
    found["two_processes"] = sharing(folder, questions)
    found["corpus_mb"] = round(corpus.stat().st_size / 1e6)
    found["index_mb"] = {path.name: round(path.stat().st_size / 1e6, 1) for path in sorted(folder.iterdir())}
    return found


STAGES = ("read", "build", "save", "load_first", "load", "search")
GROWING = ("processor_s", "peak_mb", "anonymous_mb")


def over_sizes(combine: Callable[[float, float], float], small: dict[str, Any], large: dict[str, Any]) -> Any:
    """A number made of each stage's figures at two sizes."""
    return {name: {key: combine(small[name][key], large[name][key]) for key in GROWING} for name in STAGES}


def main() -> None:
    """Measure all sizes and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--scratch", help="folder for a temporary folder of corpora and indexes")
    parser.add_argument("--add_to", type=Path, help="a record of other sizes: the new one has them too")
    parser.add_argument("--note", default="", help="goes into the record, as what else the machine was doing")
    parser.add_argument("--write", type=Path, help="write one corpus, in this process")
    parser.add_argument("--build", type=Path, nargs=2, metavar=("CORPUS", "FOLDER"), help="in this process")
    parser.add_argument("--search", type=Path, metavar="FOLDER", help="in this process")
    options = parser.parse_args()
    if options.write:
        return write_corpus(options.write, options.passages[0])
    if options.build:
        return build(*options.build)
    if options.search:
        return search(options.search, options.questions)
    from hf_selfdemo.core.manifest import versions

    sizes: dict[str, Any] = json.loads(options.add_to.read_text())["passages"] if options.add_to else {}
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        os.environ["HF_SELFDEMO_CACHE"] = f"{scratch}/cache"  # of hashes
        for count in sorted(options.passages):
            sizes[str(count)] = measure(count, options.questions, Path(scratch)) | {"note": options.note}
            print(f"{count} passages: {json.dumps(sizes[str(count)])}", file=sys.stderr, flush=True)
    report: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/corpus_size.py", *sys.argv[1:]]),
        "questions": options.questions,
        "passages": sizes,
    }
    if len(sizes) > 1:
        small, large = min(map(int, sizes)), max(map(int, sizes))
        steps = (WIKIPEDIA - large) / (large - small)
        both = sizes[str(small)], sizes[str(large)]
        report["growth"] = over_sizes(lambda before, after: round(after / max(before, 0.01), 1), *both)
        report["at_21_million"] = over_sizes(lambda before, after: round(after + steps * (after - before)), *both)
    report |= {"processors": os.cpu_count(), "versions": versions()}
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
