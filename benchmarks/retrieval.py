"""What the four ways to search cost and find: BM25, dense, both by rank fusion, and a reranker over that.

    python benchmarks/retrieval.py --index runs/retrieval > results/benchmark_retrieval.json

1,000 test questions of Natural Questions over a corpus of 35,098 passages, cut after 100 words as in recipes, read
in place from ../shared/data/open_qa. Dense search takes all-MiniLM-L6-v2. `answer@k` and `gold@k` are the shares of
questions with a passage that holds an accepted answer, or with a gold passage, among the first k.

No trained cross-encoder comes with the project, so one is trained here: all-MiniLM-L6-v2 with a new head, on training
questions with a gold passage and passages that BM25 finds and that hold no answer. It sees some 1,600 pairs once: its
hit rates say that the mechanism works, not what a published reranker gives.

Seconds are of the clock and of the processor. `--index` keeps the index, the blocks of one that is not finished, and
the reranker. What was made before is not made again; its seconds are those of the run that made it, and null where it
took several.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from in_context import lines, questions_of

from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.questions import shortened
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.dense import DenseRetriever
from hf_selfdemo.data.retrieval.encoder import SentenceEncoder, title_and_text
from hf_selfdemo.data.retrieval.evidence import collect_evidence, recall_report
from hf_selfdemo.data.retrieval.hybrid import HybridRetriever
from hf_selfdemo.data.retrieval.models import DEFAULT_ENCODER, find_model
from hf_selfdemo.data.retrieval.reranked import CrossEncoderReranker, RerankedRetriever
from hf_selfdemo.scoring.answers.passages import holds_answer

DEPTH = 20


def timed(make: Callable[[], Any], note: Path | None = None) -> tuple[Any, dict[str, float] | None]:
    """What is made, and the seconds that it took; where `note` keeps those of the run that made it, these."""
    start, spent = time.perf_counter(), time.process_time()
    made = make()
    seconds = {"clock": round(time.perf_counter() - start, 2), "processor": round(time.process_time() - spent, 2)}
    if note:
        if not note.exists():
            note.write_text(json.dumps(seconds))
        seconds = json.loads(note.read_text())
    return made, seconds


def build_dense(passages: Sequence[Passage], encoder: SentenceEncoder, home: Path) -> tuple[DenseRetriever, Any]:
    """The dense index in `home`, and the seconds that building it took; None if it took more than one start."""
    note, begun = home / "dense.seconds.json", any(home.glob(".dense.*"))
    if begun and not note.exists():
        note.write_text("null")
    return timed(lambda: DenseRetriever.build_or_load(passages, home / "dense", encoder), note)


def pairs_to_train_on(
    questions: Sequence[Question], retriever: BM25Retriever, corpus: dict[str, Passage], negatives: int
) -> list[tuple[str, str, float]]:
    """Question, passage, and 1 for a gold passage or 0 for one that BM25 finds and that holds no answer."""
    pairs = []
    for question, found in zip(questions, retriever.retrieve(questions, DEPTH), strict=True):
        wrong = [p for p in found if not question.is_gold(p) and not holds_answer(p, question.answers, question.text)]
        shown = [(corpus[question.gold_ids[0]], 1.0), *((p, 0.0) for p in wrong[:negatives])]
        pairs += [(question.text, title_and_text(p), label) for p, label in shown]
    random.Random(0).shuffle(pairs)
    return pairs


def train_reranker(pairs: Sequence[tuple[str, str, float]], folder: Path, batch: int = 16) -> None:
    """One epoch of binary cross-entropy over the encoder's own weights with a new head."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(0)
    where = find_model(DEFAULT_ENCODER, "retriever_model").where
    tokenizer = AutoTokenizer.from_pretrained(where)
    model = AutoModelForSequenceClassification.from_pretrained(where, num_labels=1).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    steps = len(pairs) // batch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min((step + 1) / 10, 1 - step / (steps + 1)))
    for step in range(steps):
        texts, passages, labels = zip(*pairs[step * batch : (step + 1) * batch], strict=True)
        inputs = tokenizer(
            list(texts), list(passages), truncation=True, max_length=256, padding=True, return_tensors="pt"
        )
        logits = model(**inputs).logits[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(labels))
        loss.backward()
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        if step % 10 == 0:
            print(f"step {step} of {steps}: loss {loss.item():.3f}", file=sys.stderr, flush=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def searched(retriever: Any, questions: Sequence[Question]) -> dict[str, Any]:
    """Seconds of searching, and hit rates by the usual report."""
    found, seconds = timed(lambda: retriever.retrieve(questions, DEPTH))
    known = dict(zip((q.id for q in questions), found, strict=True))

    class Found:
        def retrieve(self, some: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
            return [known[q.id][:k] for q in some]

    return {"search_seconds": seconds, **recall_report(collect_evidence(questions, Found(), DEPTH), (1, 4, 10, 20))}


def main() -> None:
    """Build, train and search, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path, required=True, help="folder of what is kept")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--rerank_questions", type=int, default=1000, help="so many of them are reranked")
    parser.add_argument("--rerank_depth", type=int, default=DEPTH, help="passages of a question that are reranked")
    parser.add_argument("--train_questions", type=int, default=400, help="to train the reranker on")
    parser.add_argument("--negatives", type=int, default=3, help="passages without the answer beside each gold one")
    options = parser.parse_args()
    options.index.mkdir(parents=True, exist_ok=True)
    rows = [Passage(row["id"], row["text"], row["title"]) for row in lines("corpus.jsonl.gz")]
    corpus = shortened(rows, 100, False)
    questions = questions_of("test.jsonl.gz", options.questions)
    report: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/retrieval.py", *sys.argv[1:]]),
        "passages": len(corpus),
        "questions": len(questions),
        "threads": torch.get_num_threads(),
        "processors": os.cpu_count(),
    }
    bm25, seconds = timed(lambda: BM25Retriever(corpus))
    report["bm25"] = {"build_seconds": seconds, **searched(bm25, questions)}
    print("bm25: done", file=sys.stderr, flush=True)
    encoder = SentenceEncoder()
    dense, seconds = build_dense(corpus, encoder, options.index)
    size = (options.index / "dense" / "embeddings.npy").stat().st_size
    report["dense"] = {"model": encoder.identity, "build_seconds": seconds, "embeddings_mb": round(size / 1e6, 1)}
    report["dense"] |= searched(dense, questions)
    print("dense: done", file=sys.stderr, flush=True)
    hybrid = HybridRetriever([bm25, dense])
    report["hybrid"] = searched(hybrid, questions)
    print("hybrid: done", file=sys.stderr, flush=True)
    pairs = pairs_to_train_on(
        questions_of("train.jsonl.gz", options.train_questions), bm25, {p.id: p for p in corpus}, options.negatives
    )
    folder = options.index / "reranker"
    make = (lambda: None) if (folder / "config.json").exists() else (lambda: train_reranker(pairs, folder))
    _, seconds = timed(make, options.index / "reranker.seconds.json")
    report["reranker"] = {"training_pairs": len(pairs), "training_seconds": seconds, "depth": options.rerank_depth}
    some = questions[: options.rerank_questions]
    reranked = RerankedRetriever(hybrid, CrossEncoderReranker(str(folder)), options.rerank_depth)
    report["reranked"] = {"questions": len(some), **searched(reranked, some)}
    report["hybrid_same_questions"] = searched(hybrid, some)
    report["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
