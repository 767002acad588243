"""How fast the likelihoods of given texts come, beside the engine's prefill of the same tokens.

    python benchmarks/likelihood.py --rows 1000 > likelihood.json

Each question of the embedded corpus, with its passages, is a prompt to which several texts are scored. All ways run in
one process, in turn:

prefill     the engine reads prompts and texts as prompts and picks one token for each row
apart       the engine scores each text behind a prompt of its own
shared      the engine scores the same texts; those of one question share the prompt (`Request.share`)
response_nll  the function on its own, which shares equal prompts, too
divergence  the engine tells how much the prediction of each word of the texts changes between layers

Tokens are those of prompts and texts, whether computed or shared, so that tokens a second say how long the same work
takes. The three ways to score must tell the same likelihoods. Times are process time of one run on one machine; only
their ratios mean anything elsewhere.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from hf_selfdemo import BM25Retriever, TransformersGenerator, collect_evidence, read_passages, read_questions
from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.manifest import versions
from hf_selfdemo.core.types import Evidence, Request
from hf_selfdemo.generation.likelihood import response_nll
from hf_selfdemo.generation.models import DEFAULT_MODEL, load_model, load_tokenizer, resolve_model
from hf_selfdemo.prompting.chat import encode_response
from hf_selfdemo.prompting.prompts import render


def asked(evidence: Sequence[Evidence], rows: int, texts: int) -> list[Request]:
    """So many texts to be scored, several for each question: other questions' answers among them."""
    answers = [row.question.answers[0] for row in evidence if row.question.answers]
    found = []
    for number in range(rows):
        row = evidence[number // texts % len(evidence)]
        prompt, text = render("rag", row.question.text, row.passages), answers[number % len(answers)]
        found.append(Request(f"{row.id}/{number}", prompt, "likelihood", share=row.id, scored=f"The answer is {text}."))
    return found


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What some work returns, and its process time."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def measured(model: Any, tokenizer: Any, requests: Sequence[Request], batch_size: int) -> dict[str, Any]:
    """Every way in turn, on the same requests."""

    def engine(share: bool) -> TransformersGenerator:
        return TransformersGenerator(model, tokenizer, batch_size, share_prefixes=share)

    ask(engine(False), requests[:2])  # the first calls of a process allocate and tune
    as_prompts = [
        Request(r.id, (*r.messages, {"role": "assistant", "content": r.scored}), "prefill", choices=("1", "2"))
        for r in requests
    ]
    layers = [Request(r.id, r.messages, "divergence", contrasted=r.scored) for r in requests]
    prompts, texts = [r.messages for r in requests], [r.scored for r in requests]
    read, prefill = timed(lambda: ask(engine(False), as_prompts))
    apart, alone = timed(lambda: ask(engine(False), requests))
    shared, together = timed(lambda: ask(engine(True), requests))
    direct, function = timed(lambda: response_nll(model, tokenizer, prompts, texts, batch_size))
    words, lens = timed(lambda: ask(engine(False), layers))
    tokens = sum(reply.prompt_tokens for reply in apart)
    counted = {
        "prefill": (sum(reply.prompt_tokens for reply in read), prefill),
        "apart": (tokens, alone),
        "shared": (tokens, together),
        "response_nll": (tokens, function),
        "divergence": (sum(reply.prompt_tokens for reply in words), lens),
    }
    ways = {
        name: {"tokens": count, "process_s": round(seconds, 2), "tokens_a_second": round(count / seconds, 1)}
        for name, (count, seconds) in counted.items()
    }
    nats = [-total / count for total, count in direct]
    each = zip(apart, shared, nats, strict=True)
    return {
        "ways": ways,
        "against_prefill": {
            name: round(one["tokens_a_second"] / ways["prefill"]["tokens_a_second"], 2) for name, one in ways.items()
        },
        "computed_when_shared": sum(reply.prompt_tokens - reply.cached_tokens for reply in shared),
        "text_tokens": sum(len(encode_response(tokenizer, text)) for text in texts),
        "largest_difference_nats": max(max(abs(a.scores[0] - n), abs(s.scores[0] - n)) for a, s, n in each),
    }


def main() -> None:
    """Measure all ways and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--rows", type=int, default=1000, help="texts to be scored")
    parser.add_argument("--texts", type=int, default=5, help="of them for each question")
    parser.add_argument("--passages", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=20)
    options = parser.parse_args()

    resolved = resolve_model(options.model)
    model, tokenizer = load_model(resolved), load_tokenizer(resolved)
    count = -(-options.rows // options.texts)
    questions = read_questions("embedded")[:count]
    evidence = collect_evidence(questions, BM25Retriever(read_passages("embedded", max_words=60)), options.passages)
    found = measured(model, tokenizer, asked(evidence, options.rows, options.texts), options.batch_size)
    settings = vars(options) | {"questions": len(evidence), "fingerprint": resolved.fingerprint}
    settings |= {"device": str(model.device), "dtype": str(model.dtype)}
    json.dump({"settings": settings} | found | {"versions": versions()}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
