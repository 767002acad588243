"""The same first candidates written by this package, by plain transformers, and by distilabel.

    OMP_NUM_THREADS=1 python benchmarks/peers.py --questions 8 --repeats 2 > results/benchmark_peers.json

Questions of the embedded corpus with retrieved passages. Each is asked for the paper's nine candidates: three answers
from the passages, three without, and three abstentions, each with a prompt of its own. All are greedy and of one model,
so that all sides should write the same texts. Sides take turns, `--repeats` times:

hf_selfdemo    TransformersGenerator: what the prompts of one question share is computed once
transformers   `generate` in batches of the same size, prompts sorted by length and padded on the left
distilabel     TransformersLLM as it comes: a text-generation pipeline, one prompt after the other

distilabel is no dependency: put it on PYTHONPATH, or the record says why it was not measured. Figures are process time
(what the cores spent), wall time, and written tokens per second of process time. Only ratios of one run mean anything
elsewhere. benchmarks/training.py measures `trl.SFTTrainer` beside this package's trainer.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from hf_selfdemo import BM25Retriever, SelfDemo, TransformersGenerator, collect_evidence, read_passages, read_questions
from hf_selfdemo.core.manifest import versions
from hf_selfdemo.core.types import Request
from hf_selfdemo.generation.models import DEFAULT_MODEL, load_model, load_tokenizer, resolve_model
from hf_selfdemo.methods.self_demo import Sampling
from hf_selfdemo.prompting.chat import encode_prompt

Side = Callable[[Sequence[Request]], list[str]]
"""Writes the text of each request."""


def candidates(count: int, passages: int, max_new_tokens: int) -> list[Request]:
    """The first-turn requests of so many questions, greedy."""
    questions = read_questions("embedded")[:: max(1, 192 // count)][:count]
    evidence = collect_evidence(questions, BM25Retriever(read_passages("embedded", max_words=60)), passages)
    strategy = SelfDemo(Sampling(max_candidate_tokens=max_new_tokens))
    asked = [request for row in evidence for request in next(strategy.write(row))]
    return [replace(request, temperature=0.0, seed=0, keep=False) for request in asked]


def ours(model: Any, tokenizer: Any, batch_size: int) -> Side:
    """This package."""

    def write(requests: Sequence[Request]) -> list[str]:
        replies = dict(TransformersGenerator(model, tokenizer, batch_size).stream(requests))
        return [replies[place].text for place in range(len(requests))]

    return write


def plain(model: Any, tokenizer: Any, batch_size: int) -> Side:
    """transformers alone."""

    def write(requests: Sequence[Request]) -> list[str]:
        prompts = [encode_prompt(tokenizer, request.messages) for request in requests]
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        texts = [""] * len(prompts)
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            longest = len(prompts[places[-1]])
            pads = [longest - len(prompts[place]) for place in places]
            ids = [[tokenizer.pad_token_id] * pad + prompts[place] for pad, place in zip(pads, places, strict=True)]
            mask = [[0] * pad + [1] * (longest - pad) for pad in pads]
            written = model.generate(
                input_ids=torch.tensor(ids, device=model.device),
                attention_mask=torch.tensor(mask, device=model.device),
                max_new_tokens=requests[0].max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
            )
            for place, text in zip(
                places, tokenizer.batch_decode(written[:, longest:], skip_special_tokens=True), strict=True
            ):
                texts[place] = text
        return texts

    return write


def distilabel(path: str, dtype: str) -> Side:
    """distilabel, with the model loaded by itself.

    Args:
        path: of the model.
        dtype: of its weights, such as "float32".
    """
    from distilabel.models.llms import TransformersLLM

    llm = TransformersLLM(model=path, torch_dtype=dtype)
    llm.load()

    def write(requests: Sequence[Request]) -> list[str]:
        inputs = [list(request.messages) for request in requests]
        length = requests[0].max_new_tokens
        outputs = llm.generate(inputs, max_new_tokens=length, do_sample=False, repetition_penalty=1.0)
        return [output["generations"][0] or "" for output in outputs]

    return write


def measured(write: Side, requests: Sequence[Request], tokenizer: Any) -> tuple[list[str], dict[str, float]]:
    """The texts of one turn, and what they took."""
    wall, process = time.perf_counter(), time.process_time()
    texts = [text.strip() for text in write(requests)]
    wall, process = time.perf_counter() - wall, time.process_time() - process
    tokens = sum(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"]))
    return texts, {
        "process_s": round(process, 2),
        "wall_s": round(wall, 2),
        "written_tokens": tokens,
        "tokens_a_process_second": round(tokens / process, 2),
    }


def main() -> None:
    """Let the sides take turns and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--questions", type=int, default=8)
    parser.add_argument("--passages", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=18)
    parser.add_argument("--max_new_tokens", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--note", default="", help="goes into the record, as what else the machine was doing")
    options = parser.parse_args()

    resolved = resolve_model(options.model)
    model, tokenizer = load_model(resolved), load_tokenizer(resolved)
    requests = candidates(options.questions, options.passages, options.max_new_tokens)
    sides = {
        "hf_selfdemo": ours(model, tokenizer, options.batch_size),
        "transformers": plain(model, tokenizer, options.batch_size),
    }
    left_out = {}
    try:
        sides["distilabel"] = distilabel(resolved.path, str(model.dtype).removeprefix("torch."))
    except Exception as error:  # whatever does not fit between its version and that of transformers
        left_out["distilabel"] = f"{type(error).__name__}: {error}"
    for side in sides.values():
        side(requests[:1])  # the first calls of a process allocate and tune
    texts: dict[str, list[str]] = {}
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _ in range(options.repeats):
        for name, side in sides.items():
            texts[name], turn = measured(side, requests, tokenizer)
            turns[name].append(turn)
            print(f"{name}: {turn['process_s']} s", file=sys.stderr, flush=True)
    process = {name: statistics.mean(turn["process_s"] for turn in found) for name, found in turns.items()}
    same = {name: sum(map(str.__eq__, found, texts["hf_selfdemo"])) for name, found in texts.items()}
    result = {
        "command": " ".join(["python", "benchmarks/peers.py", *sys.argv[1:]]),
        "settings": vars(options) | {"fingerprint": resolved.fingerprint, "dtype": str(model.dtype)},
        "threads": torch.get_num_threads(),
        "requests": len(requests),
        "prompt_tokens": sum(len(encode_prompt(tokenizer, request.messages)) for request in requests),
        "turns": turns,
        "not_measured": left_out,
        "process_time_against_hf_selfdemo": {
            name: round(spent / process["hf_selfdemo"], 2) for name, spent in process.items()
        },
        "same_texts_as_hf_selfdemo": {name: f"{count} of {len(requests)}" for name, count in same.items()},
        "versions": versions(["distilabel"]),
    }
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
