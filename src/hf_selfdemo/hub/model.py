"""A trained model as a repository that loads with one line, with a card that shows what training changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from hf_selfdemo.core.artefacts import Demonstrations, Training
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.evaluation.report import markdown_table
from hf_selfdemo.generation.tuned import POINT_FILE, is_adapter
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.card import checked_id, write_card
from hf_selfdemo.hub.results import FIGURES, Results, eval_results_file, model_index, read_results
from hf_selfdemo.hub.weights import (
    base_id,
    config_file,
    is_commit,
    merge_weights,
    tokenizer_files,
    weight_files,
)
from hf_selfdemo.methods.answering import PROMPTED, PromptAnswerer
from hf_selfdemo.methods.at_point import move_point, recorded_point
from hf_selfdemo.methods.method import METHOD_FILE, Chosen, Method, own_words, recorded_method
from hf_selfdemo.methods.openings import OPENINGS_FILE
from hf_selfdemo.prompting.prompts import TRAINED_ON, templates_hash
from hf_selfdemo.scoring.operating_point import OperatingPoint
from hf_selfdemo.training.decisive import told_keys

PROMPT = "prompt.jinja"
"""The file of the prompt with passages, in the repository of a model that is asked in one call."""

_NEEDED = ("base", "rows_trained", "settings")
"""The values of the manifest that a card needs."""


def model_artefact(
    run: Path,
    repo_id: str,
    *,
    base_model: str = "",
    dataset_id: str = "",
    license: str = "",
    language: Sequence[str] = ("en",),
    merge_adapter: bool = False,
    benchmark: str = "",
    column: str = "",
    evaluation: Path | None = None,
    folder: Path | None = None,
    trained: Path | None = None,
) -> Artefact:
    """Make a repository of a trained model: weights, tokenizer, chat template, prompt, generation settings and a card.

    Args:
        run: the run's folder, which contains `model`.
        repo_id: owner and name of the repository.
        base_model: Hub id of the base model; default: its name in training.
        dataset_id: Hub id of the demonstrations, if they were pushed.
        license: licence of the model, an identifier such as `apache-2.0`. It must respect that of the base model.
        language: ISO codes.
        merge_adapter: push the full model, with the adapter merged into its base.
        benchmark: Hub id of the test questions' dataset, if it is registered as a benchmark. Results are then also
            written to `.eval_results/`. They are always in the card's `model-index`.
        column: the model's name in the evaluation; default: `tuned`, or the only trained model.
        evaluation: folder of the evaluation; default: `evaluation` in the run. If there is none, the card says so.
        folder: folder for merged weights; default: `hub/model` in the run.
        trained: folder of the trained model; default: `model` in the run.

    Raises:
        UserError: if the run has no finished training, the base has no Hub id, the evaluation is of another training,
            or `merge_adapter` is set without an adapter.
    """
    checked_id(repo_id)
    source, merged = trained or run / "model", (folder or run / "hub" / "model") if merge_adapter else None
    manifest, adapter = _manifest(source), is_adapter(source)
    if merge_adapter and not adapter:
        raise UserError(f"{source} contains no adapter to merge", "leave merge_adapter out")
    base = base_id(source, manifest["base"], base_model)
    results = read_results(evaluation or run / "evaluation", source, column)
    if results and results.manifest.get("settings", {}).get("templates") != templates_hash(TRAINED_ON):
        raise UserError(
            "the evaluation used other prompts than those of this version", "run `hf-selfdemo evaluate` again"
        )
    tokenizer = tokenizer_files(source)
    if merged:
        merge_weights(source, merged, manifest["settings"].get("base", ""))
    point = recorded_point(source)
    whole = bool(merged) or not adapter
    made, answerer = _demonstrations(run, manifest), _answerer(source)
    chosen = recorded_method(source)
    card = _card(repo_id, base, manifest, results, made, whole, dataset_id, license, language, answerer, point, chosen)
    files: dict[str, Path | str] = {"README.md": card}
    if isinstance(answerer, PromptAnswerer):
        files[PROMPT] = answerer.template()
    if (source / METHOD_FILE).exists():
        files[METHOD_FILE] = source / METHOD_FILE
    if (source / OPENINGS_FILE).exists():
        files[OPENINGS_FILE] = source / OPENINGS_FILE
    if point:
        files[POINT_FILE] = move_point(source, merged) if merged else source / POINT_FILE
    files |= config_file(merged or source, "" if whole else base)
    files |= weight_files(source, merged)
    files |= tokenizer
    if benchmark and results and results.figures:
        files[".eval_results/selfdemo.yaml"] = eval_results_file(results, checked_id(benchmark))
    what = "merged weights" if merged else "weights" if whole else "adapter"
    return Artefact("model", repo_id, "model", files, f"Add {what}, trained on {manifest['rows_trained']} rows")


def _answerer(source: Path) -> Answerer:
    """The answerer of the model's method."""
    found = recorded_method(source)
    return found.answerer() if found else PROMPTED


def _manifest(source: Path) -> dict[str, Any]:
    path = source / "manifest.json"
    if not path.exists():
        raise UserError(f"{source} contains no finished training", "run `hf-selfdemo train` with the same config first")
    told = read_json(path, Training, *_NEEDED)
    return {"start_from": "", "processes": 1} | told  # earlier versions did not write these


def _demonstrations(run: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of the demonstrations that were trained on; {} if the run no longer has them."""
    path = run / "demonstrations" / "manifest.json"
    made = read_json(path, Demonstrations, missing_ok=True)
    return made if made.get("train.parquet") == manifest["settings"].get("data") else {}


def _card(
    repo_id: str,
    base: str,
    manifest: Mapping[str, Any],
    results: Results | None,
    demonstrations: Mapping[str, Any],
    whole: bool,
    dataset_id: str,
    license: str,
    language: Sequence[str],
    answerer: Answerer,
    point: OperatingPoint | None,
    chosen: Chosen | None,
) -> str:
    objective = manifest["settings"].get("objective", "sft")
    data = ModelCardData(
        model_name=repo_id.partition("/")[2],
        base_model=base,
        datasets=[dataset_id] if dataset_id else None,
        language=list(language),
        library_name="transformers" if whole else "peft",
        license=license or None,
        pipeline_tag="text-generation",
        tags=["self-demo", "rag", "retrieval-augmented-generation", "abstention", "trl", objective]
        + ([] if whole else ["lora"]),
        eval_results=(model_index(results) or None) if results else None,
        base_model_relation="finetune" if whole else "adapter",
    )
    card = write_card(
        "model",
        data.to_dict(),
        repo_id=repo_id,
        base=base,
        base_is_commit=is_commit(manifest["settings"].get("base", "")),
        base_fingerprint=manifest["settings"].get("base", ""),
        whole=whole,
        objective=objective,
        manifest=manifest,
        dataset_id=dataset_id,
        demonstrations=demonstrations,
        own=own_words(demonstrations["settings"]["method"]) if demonstrations else False,
        method_name=chosen.name if chosen else "",
        method=chosen.method if chosen else Method(),
        kinds=bool(manifest.get("preflight", {}).get("samples")),
        recipe={"model_name_or_path": base} | told_keys(manifest["settings"]),
        results=results,
        headline=_headline(results),
        table=markdown_table(results.runs, results.asking) if results else "",
        on_policy=_on_policy(manifest.get("on_policy") or {}),
        prompt=answerer.template().strip() if isinstance(answerer, PromptAnswerer) else "",
        prompt_file=PROMPT,
        most_calls=answerer.most_calls,
        point=point,
        license=license,
    )
    ModelCard(card)  # raises if the metadata cannot be read back
    return card


def _headline(results: Results | None) -> dict[str, tuple[str, str] | None]:
    """Each figure of the base and of the trained model, as percentages; None if one of them has no value."""
    base, tuned = (results.figures.get(name, {}) for name in ("base", "this model")) if results else ({}, {})
    both = {key: (base[key]["value"], tuned[key]["value"]) for key in tuned if key in base}
    return {key: (f"{both[key][0]:.0%}", f"{both[key][1]:.0%}") if key in both else None for key in FIGURES}


def _on_policy(figures: Mapping[str, Mapping[str, float]]) -> str:
    if not figures.get("base"):
        return ""
    from hf_selfdemo.training.meter import meter_table

    return meter_table(figures["base"], figures.get("tuned", {}))
