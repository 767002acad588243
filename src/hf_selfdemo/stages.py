"""The verbs: what `demonstrate`, `train` and `evaluate` do with a parsed recipe. Everything lands under `output_dir`.

output_dir/demonstrations/   the dataset and how it came about
output_dir/model/            the adapter and its manifest
output_dir/evaluation/       replies, table.md, figures.json
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hf_selfdemo.config import DataArguments, DemonstrateArguments, EvaluateArguments, RetrievalArguments
from hf_selfdemo.errors import UserError
from hf_selfdemo.judging import JUDGES
from hf_selfdemo.loading import did_you_mean, load
from hf_selfdemo.manifest import claim_folder, file_hash, fingerprint, versions, write_json
from hf_selfdemo.prompts import templates_hash
from hf_selfdemo.questions import cut_words, read_passages, read_questions, sample
from hf_selfdemo.retrieval import RETRIEVERS
from hf_selfdemo.retrieval.evidence import choose_twins, collect_evidence, leave_gold_out, recall_report
from hf_selfdemo.strategies import STRATEGIES
from hf_selfdemo.types import Evidence, Mode, Passage, Question

logger = logging.getLogger(__name__)
console = Console(stderr=True)


@dataclass
class Recipe:
    """All parsed groups of one recipe. `model` is TRL's ModelConfig, `training` a SelfDemoConfig."""

    data: DataArguments
    retrieval: RetrievalArguments
    demonstrate: DemonstrateArguments
    evaluate: EvaluateArguments
    model: Any
    training: Any

    @property
    def output_dir(self) -> Path:
        """The run's folder.

        Raises:
            UserError: if the recipe names none.
        """
        if not self.training.output_dir:
            raise UserError("output_dir is not set", "add it to the recipe or give --output_dir runs/NAME")
        return Path(self.training.output_dir)


def run_demonstrate(recipe: Recipe) -> None:
    """Write the demonstration dataset, its manifest and the on-policy figure."""
    from hf_selfdemo.demonstrations import demonstrate

    d = recipe.demonstrate
    folder = recipe.output_dir / "demonstrations"
    strategy, judge = _strategy(d), load("judge", d.judge, JUDGES)()
    evidence, recall = _evidence(recipe, "train")
    model = _resolved(recipe)
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
    generator, network, tokenizer = _generator(recipe, model)
    with _progress("demonstrate", len(evidence)) as advance:
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
    manifest["on_policy"] = _on_policy(dataset, network, tokenizer, d.on_policy_rows, d.demonstrate_seed)
    write_json(folder / "manifest.json", manifest)
    _print_demonstrations(manifest)


def run_train(recipe: Recipe) -> None:
    """Train on the demonstrations and save the adapter (or the model, without LoRA)."""
    from trl import get_peft_config

    from hf_selfdemo.demonstrations import load_demonstrations
    from hf_selfdemo.models import load_model, load_tokenizer
    from hf_selfdemo.training.progress import report_progress
    from hf_selfdemo.training.sft import SelfDemoTrainer

    source = recipe.output_dir / "demonstrations"
    if not (source / "train.parquet").exists():
        raise UserError(f"{source} holds no demonstrations", "run `hf-selfdemo demonstrate` with the same config first")
    target = recipe.output_dir / "model"
    model = _resolved(recipe)
    manifest = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
    if manifest["model"]["fingerprint"] != model.fingerprint:
        logger.warning(
            "the demonstrations were written by %s, not by the model trained here", manifest["model"]["name"]
        )
    settings = {"data": file_hash(source / "train.parquet"), "base": model.fingerprint, **_training_keys(recipe)}
    if claim_folder(target, settings) and (target / "manifest.json").exists():
        console.print(f"{target} is trained already")
        return
    recipe.training.disable_tqdm = True  # one bar, ours
    trainer = SelfDemoTrainer(
        load_model(model, _dtype(recipe), recipe.training.trust_remote_code),
        recipe.training,
        load_demonstrations(source),
        load_tokenizer(model, recipe.training.trust_remote_code),
        peft_config=get_peft_config(recipe.model),
    )
    report = trainer.preflight_report
    console.print(f"training on {report['rows']} rows, {report['tokens']} tokens an epoch, longest {report['longest']}")
    with _progress("train", 0) as advance:
        report_progress(trainer, advance)
        result = trainer.train()
    _name_base(trainer.model, model.name)
    trainer.save_model(str(target))
    write_json(
        target / "manifest.json",
        {
            "settings": settings,
            "base": model.name,
            "preflight": trainer.preflight_report,
            "rows_trained": report["rows"],
            "metrics": result.metrics,
            "log": trainer.state.log_history,
            "versions": versions(),
        },
    )


def run_evaluate(recipe: Recipe) -> None:
    """Compare the base model with every adapter on the test questions; print and write the table."""
    from hf_selfdemo.evaluation import predict
    from hf_selfdemo.report import figures_json, markdown_table, terminal_table

    e = recipe.evaluate
    folder = recipe.output_dir / "evaluation"
    evidence, recall = _evidence(recipe, "test")
    model = _resolved(recipe)
    settings = {
        "base": model.fingerprint,
        "templates": templates_hash(),
        "evidence": fingerprint([asdict(row) for row in evidence]),
        "max_answer_tokens": e.max_answer_tokens,
    }
    adapters, modes = _adapters(recipe), _modes(e)
    claim_folder(folder, settings)
    generator, network, _ = _generator(recipe, model)
    judge = load("judge", recipe.demonstrate.judge, JUDGES)()
    runs: dict[str, dict[str, Any]] = {}
    total = sum(1 for row in evidence for m in modes if m == "rag" or not row.gold_removed)
    with _progress("evaluate", total * (1 + len(adapters))) as advance:
        for name, path in {"base": None, **adapters}.items():
            if path is not None:
                generator.model = _with_adapter(network, path, name)
            mark = file_hash(path / "adapter_model.safetensors")[:8] if path else model.fingerprint[:8]
            runs[name] = {
                mode: predict(
                    evidence,
                    generator,
                    judge,
                    mode,
                    folder / "predictions" / f"{name}-{mark}.{mode}.jsonl",
                    e.max_answer_tokens,
                    on_progress=advance,
                )
                for mode in modes
            }
    title = f"{model.name}: {len(evidence)} test rows"
    Console().print(terminal_table(runs, title))
    (folder / "table.md").write_text(f"{title}\n\n{markdown_table(runs)}", encoding="utf-8")
    write_json(folder / "figures.json", figures_json(runs))
    write_json(
        folder / "manifest.json",
        {
            "settings": settings,
            "recall": recall,
            "models": {n: str(p or "") for n, p in {"base": None, **adapters}.items()},
            "usage_of_this_start": asdict(generator.usage),
            "versions": versions(),
        },
    )
    _show_replies(runs, evidence, e.predictions_shown)


def run_all(recipe: Recipe) -> None:
    """demonstrate -> train -> evaluate; each stage goes on from what it finds."""
    run_demonstrate(recipe)
    run_train(recipe)
    run_evaluate(recipe)


VERBS = {"demonstrate": run_demonstrate, "train": run_train, "evaluate": run_evaluate, "run": run_all}


def _evidence(recipe: Recipe, part: str) -> tuple[list[Evidence], dict[str, float]]:
    """The rows of "train" or "test": questions with their passages, twins at the end, and the recall report."""
    data, retrieval = recipe.data, recipe.retrieval
    train = part == "train"
    questions = _questions(data, data.train_questions if train else data.test_questions, part)
    limits = (
        (data.max_train_questions, data.max_train_unanswerable)
        if train
        else (data.max_test_questions, data.max_test_unanswerable)
    )
    questions = sample(questions, *limits, data.data_seed_questions)
    retriever = _retriever(recipe, part, questions)
    k = retrieval.passages_per_question
    if k < 1:
        raise UserError(f"passages_per_question is {k}", "show at least one passage")
    deep = collect_evidence(questions, retriever, max(k, 10))
    evidence = collect_evidence(questions, retriever, k)
    twins = leave_gold_out(evidence, retriever, k)
    limit = retrieval.train_twins if train else retrieval.test_twins
    return evidence + choose_twins(twins, limit, data.data_seed_questions), recall_report(deep)


def _questions(data: DataArguments, sources: Sequence[str], part: str) -> list[Question]:
    split = data.train_split if part == "train" else data.test_split
    questions: list[Question] = []
    for source in sources:
        questions += read_questions(
            source, split, data.preset, data.columns, data.dataset_config, data.dataset_revision
        )
    if data.sources:
        questions = [q for q in questions if q.source.startswith(tuple(data.sources))]
    if not questions:
        raise UserError(f"no {part} question is left after the filter sources={data.sources}", "check the column map")
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise UserError(f"the id {question.id!r} stands in two {part} files", "make ids unique")
        seen.add(question.id)
    return questions


def _retriever(recipe: Recipe, part: str, questions: list[Question]) -> Any:
    data, retrieval = recipe.data, recipe.retrieval
    kind = load("retriever", retrieval.retriever, RETRIEVERS)
    if retrieval.retriever == "given":
        if not any(q.passages for q in questions):
            raise UserError(
                "retriever is 'given' but no question brings passages", "map a `passages` column or use bm25"
            )
        return _Cut(kind(), retrieval.max_passage_words)
    corpus, split = (data.train_corpus, data.train_split) if part == "train" else (data.test_corpus, data.test_split)
    if corpus == "questions":
        passages = list({p.id: p for q in questions for p in q.passages}.values())
        passages = [Passage(p.id, cut_words(p.text, retrieval.max_passage_words), p.title) for p in passages]
    else:
        passages = read_passages(corpus, split, retrieval.max_passage_words)
    if retrieval.index_dir:
        return kind.build_or_load(passages, Path(retrieval.index_dir) / part)
    return kind(passages)


class _Cut:
    """Cuts the passages that came with questions, as the corpus' are cut when read."""

    def __init__(self, retriever: Any, max_words: int) -> None:
        self.retriever, self.max_words = retriever, max_words

    def retrieve(self, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
        found = self.retriever.retrieve(questions, k)
        return [tuple(Passage(p.id, cut_words(p.text, self.max_words), p.title, p.score) for p in row) for row in found]


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


def _resolved(recipe: Recipe) -> Any:
    from hf_selfdemo.models import DEFAULT_MODEL, resolve_model

    return resolve_model(recipe.model.model_name_or_path or DEFAULT_MODEL, recipe.model.model_revision or "main")


def _dtype(recipe: Recipe) -> str:
    return "auto" if recipe.model.dtype in (None, "auto", "float32") else recipe.model.dtype


def _generator(recipe: Recipe, model: Any) -> tuple[Any, Any, Any]:
    from hf_selfdemo.generation.transformers import TransformersGenerator
    from hf_selfdemo.models import load_model, load_tokenizer

    network = load_model(model, _dtype(recipe), recipe.training.trust_remote_code)
    tokenizer = load_tokenizer(model, recipe.training.trust_remote_code)
    return TransformersGenerator(network, tokenizer, recipe.demonstrate.generation_batch_size), network, tokenizer


def _on_policy(dataset: Any, network: Any, tokenizer: Any, rows: int, seed: int) -> dict[str, Any]:
    """Mean NLL per token of the model's own targets and of the gold answers, same rows, same prompts, base model."""
    from hf_selfdemo.generation.likelihood import mean_nll, response_nll
    from hf_selfdemo.prompts import render

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


def _training_keys(recipe: Recipe) -> dict[str, Any]:
    """What decides the weights: model and training keys, without paths, tokens and logging."""
    left_out = (
        "output_dir",
        "token",
        "hub_",
        "push_",
        "logging",
        "report_to",
        "run_name",
        "project",
        "trackio",
        "save_",
    )
    keys = asdict(recipe.model) | recipe.training.to_dict()
    return {k: v for k, v in keys.items() if not any(part in k for part in left_out) and v is not None}


def _name_base(network: Any, name: str) -> None:
    """An adapter must name its base by Hub id, not by a folder of this machine."""
    for config in getattr(network, "peft_config", {}).values():
        config.base_model_name_or_path = name


def _modes(e: EvaluateArguments) -> list[Mode]:
    known: tuple[Mode, ...] = get_args(Mode)
    for mode in e.evaluate_modes:
        if mode not in known:
            raise UserError(f"evaluate_modes: {mode!r} is unknown", did_you_mean(mode, list(known)))
    return [mode for mode in known if mode in e.evaluate_modes]


def _adapters(recipe: Recipe) -> dict[str, Path]:
    pairs = recipe.evaluate.adapters or [f"tuned={recipe.output_dir / 'model'}"]
    adapters: dict[str, Path] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or name == "base":
            raise UserError(f"adapters: {pair!r} is no name=folder pair", "write e.g. tuned=runs/quickstart/model")
        if not (Path(path) / "adapter_model.safetensors").exists():
            raise UserError(f"{path} holds no trained adapter", "run `hf-selfdemo train` with the same config first")
        adapters[name] = Path(path)
    return adapters


def _with_adapter(network: Any, path: Path, name: str) -> Any:
    """The base model with an adapter merged in (merging makes every step of decoding cheaper)."""
    import copy

    from peft import PeftModel

    return PeftModel.from_pretrained(copy.deepcopy(network), path, adapter_name=name).merge_and_unload().eval()


@contextmanager
def _progress(name: str, total: int) -> Iterator[Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total)

        def advance(rows: int, total: int | None = None, note: str = "") -> None:
            progress.update(task, advance=rows, total=total, description=f"{name} {note}".strip())

        yield advance


def _print_demonstrations(manifest: dict[str, Any]) -> None:
    console.print(f"{manifest['rows_in']} rows in, {manifest['demonstrations']} demonstrations: {manifest['outcomes']}")
    for reason, count in manifest["skipped"].items():
        console.print(f"  {count} left out: {reason}")
    if on_policy := manifest["on_policy"]:
        console.print(
            f"on-policy figure over {on_policy['rows']} rows, nats per token under the base model: "
            f"self-written targets {on_policy['target_nll_per_token']:.2f}, "
            f"gold answers {on_policy['gold_nll_per_token']:.2f}"
        )


def _show_replies(runs: Any, evidence: Sequence[Evidence], count: int) -> None:
    for i, row in enumerate(evidence[:count]):
        console.print(f"[bold]{row.question.text}[/]  ({', '.join(row.question.answers) or 'no answer known'})")
        for name, modes in runs.items():
            for mode, predictions in modes.items():
                if i < len(predictions):
                    console.print(f"  {name} {mode}: {predictions[i].text!r} ({predictions[i].label})", markup=False)
