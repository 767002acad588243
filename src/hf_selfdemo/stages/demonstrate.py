"""`hf-selfdemo demonstrate`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from hf_selfdemo.config import DemonstrateArguments
from hf_selfdemo.demonstrations import demonstrate
from hf_selfdemo.errors import UserError
from hf_selfdemo.generation.likelihood import mean_nll, response_nll
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.judging import JUDGES
from hf_selfdemo.loading import load
from hf_selfdemo.manifest import claim_folder, fingerprint, write_json
from hf_selfdemo.prompts import render, templates_hash
from hf_selfdemo.stages.console import console, progress, recall_line, waiting
from hf_selfdemo.stages.evidence import recipe_evidence
from hf_selfdemo.stages.recipe import Recipe
from hf_selfdemo.strategies import STRATEGIES
from hf_selfdemo.types import Passage


def run_demonstrate(recipe: Recipe) -> None:
    """Write the demonstration dataset, its manifest and the on-policy figure."""
    d = recipe.demonstrate
    folder = recipe.output_dir / "demonstrations"
    strategy, judge = _strategy(d), load("judge", d.judge, JUDGES)()
    evidence, recall = recipe_evidence(recipe, "train")
    model = recipe.resolve()
    settings = {
        "strategy": d.strategy,
        "generator": model.fingerprint,
        "templates": templates_hash(),
        "evidence": fingerprint([asdict(row) for row in evidence]),
        "rag_candidates": d.rag_candidates,
        "closed_book_candidates": d.closed_book_candidates,
        "refusal_candidates": d.refusal_candidates,
        "temperature": d.temperature,
        "greedy_first": d.greedy_first,
        "max_candidate_tokens": d.max_candidate_tokens,
        "demonstrate_seed": d.demonstrate_seed,
    }
    claim_folder(folder, settings)
    network, tokenizer = recipe.load(model)
    generator = TransformersGenerator(network, tokenizer, d.generation_batch_size)
    with progress("demonstrate", len(evidence)) as advance:
        dataset = demonstrate(
            evidence,
            strategy,
            generator,
            judge,
            folder,
            max_abstain_share=d.max_abstain_share,
            replay_share=d.replay_share,
            window=d.window,
            seed=d.demonstrate_seed,
            on_progress=advance,
        )
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest |= {"model": asdict(model) | {"path": ""}, "recall": recall, "settings": settings}
    with waiting("measuring the on-policy figure"):
        manifest["on_policy"] = _on_policy(dataset, network, tokenizer, d.on_policy_rows, d.demonstrate_seed)
    write_json(folder / "manifest.json", manifest)
    _print_demonstrations(manifest)


def _strategy(d: DemonstrateArguments) -> Any:
    kind = load("strategy", d.strategy, STRATEGIES)
    if d.strategy == "ra_it":
        return kind()
    if d.abstain_when not in ("nothing_right", "not_in_context"):
        raise UserError(f"abstain_when: {d.abstain_when!r} is unknown", "use nothing_right or not_in_context")
    return kind(
        rag_candidates=d.rag_candidates,
        closed_book_candidates=d.closed_book_candidates,
        refusal_candidates=d.refusal_candidates,
        temperature=d.temperature,
        greedy_first=d.greedy_first,
        max_new_tokens=d.max_candidate_tokens,
        abstain_when=d.abstain_when,
        seed=d.demonstrate_seed,
    )


def _on_policy(dataset: Any, network: Any, tokenizer: Any, rows: int, seed: int) -> dict[str, Any]:
    """Mean NLL per token of the model's own targets and of the gold answers, same rows, same prompts, base model."""

    picks = dataset.filter(lambda r: r["mode"] == "rag" and len(r["answers"]) > 0).shuffle(seed=seed)
    picks = picks.select(range(min(rows, len(picks))))
    if not len(picks):
        return {}
    prompts = [
        render("rag", r["question"], [Passage(p["id"], p["text"], p["title"]) for p in r["passages"]]) for r in picks
    ]
    own = response_nll(network, tokenizer, prompts, [r["response"] for r in picks])
    gold = response_nll(network, tokenizer, prompts, [r["answers"][0] for r in picks])
    answers = [i for i, r in enumerate(picks) if r["outcome"] == "answer"]
    return {
        "rows": len(picks),
        "target_nll_per_token": mean_nll(own),
        "gold_nll_per_token": mean_nll(gold),
        "answer_rows": len(answers),
        "answer_target_nll_per_token": mean_nll([own[i] for i in answers]),
        "answer_gold_nll_per_token": mean_nll([gold[i] for i in answers]),
    }


def _print_demonstrations(manifest: dict[str, Any]) -> None:
    outcomes = ", ".join(f"{count} {kind}" for kind, count in manifest["outcomes"].items())
    console.print(f"{manifest['rows_in']} rows in, {manifest['demonstrations']} demonstrations: {outcomes}")
    for reason, count in manifest["skipped"].items():
        console.print(f"  {count} left out: {reason}")
    console.print(recall_line(manifest["recall"]))
    if on_policy := manifest["on_policy"]:
        console.print(
            f"on-policy figure over {on_policy['rows']} rows, nats per token under the base model: "
            f"self-written targets {on_policy['target_nll_per_token']:.2f}, "
            f"gold answers {on_policy['gold_nll_per_token']:.2f}"
        )
