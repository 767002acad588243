"""What prefix sharing is worth: the same calls one at a time, batched, and batched with shared prefixes.

    python benchmarks/generation.py --questions 16 --passages 3 > generation.json

Six with-passages candidates a question (three that answer, three that decline), greedy, so that all three sides must
write the same texts; passages of at most 60 words from the embedded corpus. Times are process time (what the cores
spent) and wall time of one run on one machine; only their ratios mean anything elsewhere.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import json
import sys
import time
from dataclasses import asdict

from hf_selfdemo import BM25Retriever, SelfDemo, TransformersGenerator, collect_evidence, read_passages, read_questions
from hf_selfdemo.manifest import versions
from hf_selfdemo.models import DEFAULT_MODEL, load_model, load_tokenizer, resolve_model

SIDES = {
    "one_at_a_time": {"batch_size": 1, "share_prefixes": False},
    "batched": {"share_prefixes": False},
    "shared_prefixes": {"share_prefixes": True},
}


def main() -> None:
    """Run the three sides in turn on the same requests and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--passages", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=48)
    parser.add_argument("--max_new_tokens", type=int, default=24)
    options = parser.parse_args()

    resolved = resolve_model(options.model)
    model, tokenizer = load_model(resolved), load_tokenizer(resolved)
    questions = read_questions("embedded")[:: max(1, 192 // options.questions)][: options.questions]
    evidence = collect_evidence(questions, BM25Retriever(read_passages("embedded", max_words=60)), options.passages)
    strategy = SelfDemo(3, 0, 3, temperature=0.0, max_new_tokens=options.max_new_tokens)
    requests = [request for row in evidence for request in strategy.requests(row)]
    TransformersGenerator(model, tokenizer).generate(requests[:2])  # the first calls of a process allocate and tune

    sides, texts = {}, {}
    for name, settings in SIDES.items():
        generator = TransformersGenerator(model, tokenizer, **{"batch_size": options.batch_size, **settings})
        wall, process = time.perf_counter(), time.process_time()
        texts[name] = [candidate.text for candidate in generator.generate(requests)]
        wall, process = time.perf_counter() - wall, time.process_time() - process
        sides[name] = {
            "demonstrations_per_minute": round(60 * len(evidence) / wall, 2),
            "wall_s": round(wall, 2),
            "process_s": round(process, 2),
            **asdict(generator.usage),
        }
        print(f"{name}: {wall:.1f} s", file=sys.stderr)
    first = texts["one_at_a_time"]
    batched, shared = sides["batched"], sides["shared_prefixes"]
    result = {
        "settings": vars(options) | {"requests": len(requests), "fingerprint": resolved.fingerprint},
        "sides": sides,
        "identical_texts": {name: sum(a == b for a, b in zip(first, t, strict=True)) for name, t in texts.items()},
        "shared_against_batched": {
            "prefilled_tokens": round(batched["prefilled_tokens"] / shared["prefilled_tokens"], 2),
            "process_time": round(batched["process_s"] / shared["process_s"], 2),
            "wall_time": round(batched["wall_s"] / shared["wall_s"], 2),
        },
        "versions": versions(),
    }
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
