"""What the order of calls is worth: the paper's whole recipe, strategy by strategy, and question by question.

    python benchmarks/generation.py --questions 48 --passages 3 > generation.json

Nine candidates a question, each answered and then summarised, and the tournament of four matches: at most 22 calls a
question. Both sides make the same calls with the same seeds, and must come to the same winners:

reference_order   as the authors' release does: one strategy over all questions, then the next; every prompt is computed
                  whole. Batches are full and sorted by length on this side too.
by_question       as `demonstrate` does: a window of questions in flight; what their prompts share is computed once and
                  held for second turns and judge.

Passages of at most 60 words from the embedded corpus. Times are process time (what the cores spent) and wall time of
one run on one machine; only their ratios mean anything elsewhere. On a GPU, `--matmul` also measures how fast it
multiplies large matrices, and the share of that ceiling which computing prompts reaches.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch

from hf_selfdemo import BM25Retriever, SelfDemo, TransformersGenerator, collect_evidence, read_passages, read_questions
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.manifest import versions
from hf_selfdemo.core.types import Evidence, Judged, Reply, Request, Usage
from hf_selfdemo.generation.models import DEFAULT_MODEL, load_model, load_tokenizer, resolve_model
from hf_selfdemo.judging.tournament import TournamentJudge
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.methods.self_demo import Sampling


class Measured:
    """A generator that counts; with `by_strategy`, the requests of one kind are made for all rows before the next."""

    concurrency = 1

    def __init__(self, generator: TransformersGenerator, by_strategy: bool) -> None:
        self.generator, self.by_strategy, self.identity = generator, by_strategy, generator.identity
        self.usage = Usage()

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        kinds: dict[str, list[int]] = {}
        for i, request in enumerate(requests):
            kind = request.id.split("/", 1)[1] if self.by_strategy else ""
            kinds.setdefault(kind, []).append(i)
        for places in kinds.values():
            for n, reply in self.generator.stream([requests[i] for i in places]):
                self.usage.add(requests[places[n]].stage, reply)
                yield places[n], reply


def run(evidence: Sequence[Evidence], generator: Measured, window: int, options: Any) -> tuple[list[Judged], dict]:
    """All rows on one side, and what they cost."""
    strategy = SelfDemo(
        Sampling(temperature=options.temperature, max_candidate_tokens=options.max_new_tokens, summarise=True)
    )
    judge = TournamentJudge()
    wall, process = time.perf_counter(), time.process_time()
    judged = list(converse((judged_row(row, strategy, judge) for row in evidence), generator, window))
    wall, process = time.perf_counter() - wall, time.process_time() - process
    usage = generator.usage
    return judged, {
        "demonstrations_per_minute": round(60 * len(evidence) / wall, 2),
        "wall_s": round(wall, 2),
        "process_s": round(process, 2),
        "prefilled_tokens": usage.prefilled_tokens,
        **asdict(usage),
    }


def matmul_ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a large matrix product."""
    a = torch.randn(8192, 8192, device=device, dtype=dtype)
    for _ in range(3):
        a @ a
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(10):
        a @ a
    torch.cuda.synchronize()
    return 10 * 2 * 8192**3 / (time.perf_counter() - start)


def prefill_rate(generator: TransformersGenerator, evidence: Sequence[Evidence]) -> float:
    """Floating-point operations a second while prompts are computed: twice the parameters, a token."""
    requests = [next(SelfDemo(Sampling(1, 0, 0)).write(row))[0] for row in evidence]
    asked = [Request(r.id, r.messages, "prefill", choices=("1", "2")) for r in requests]
    start = time.perf_counter()
    tokens = sum(reply.prompt_tokens for _, reply in generator.stream(asked))
    torch.cuda.synchronize()
    return 2 * sum(p.numel() for p in generator.model.parameters()) * tokens / (time.perf_counter() - start)


def main() -> None:
    """Run both sides in turn on the same questions and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--questions", type=int, default=48)
    parser.add_argument("--passages", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=48)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--temperature", type=float, default=0.5, help="at the paper's 1.0 a small model rambles")
    parser.add_argument("--max_new_tokens", type=int, default=24)
    parser.add_argument("--matmul", action="store_true", help="on a GPU: share of its ceiling that prefill reaches")
    options = parser.parse_args()

    resolved = resolve_model(options.model)
    model, tokenizer = load_model(resolved), load_tokenizer(resolved)
    questions = read_questions("embedded")[:: max(1, 192 // options.questions)][: options.questions]
    evidence = collect_evidence(questions, BM25Retriever(read_passages("embedded", max_words=60)), options.passages)
    plain = TransformersGenerator(model, tokenizer, options.batch_size, share_prefixes=False)
    sharing = TransformersGenerator(model, tokenizer, options.batch_size)
    run(evidence[:2], Measured(plain, False), 2, options)  # the first calls of a process allocate and tune

    reference, cost = run(evidence, Measured(plain, True), len(evidence), options)
    print(f"reference_order: {cost['wall_s']:.1f} s", file=sys.stderr)
    ours, cheaper = run(evidence, Measured(sharing, False), options.window, options)
    print(f"by_question: {cheaper['wall_s']:.1f} s", file=sys.stderr)
    both = list(zip(reference, ours, strict=True))
    texts = [(a.text, b.text) for r, o in both for a, b in zip(r.candidates, o.candidates, strict=True)]
    result = {
        "settings": vars(options) | {"fingerprint": resolved.fingerprint, "device": str(model.device)},
        "sides": {"reference_order": cost, "by_question": cheaper},
        "identical_candidates": f"{sum(a == b for a, b in texts)} of {len(texts)}",
        "identical_winners": f"{sum(r.result == o.result for r, o in both)} of {len(ours)}",
        "reference_order_against_by_question": {
            name: round(cost[key] / cheaper[key], 2)
            for name, key in (("prefilled_tokens",) * 2, ("process_time", "process_s"), ("wall_time", "wall_s"))
        },
        "versions": versions(),
    }
    if options.matmul:
        ceiling, reached = matmul_ceiling(model.device, model.dtype), prefill_rate(plain, evidence)
        result["prefill"] = {"matmul_flops": ceiling, "prefill_flops": reached, "share": round(reached / ceiling, 3)}
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
