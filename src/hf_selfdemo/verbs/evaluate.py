"""`hf-selfdemo evaluate`: compare the base model with trained models, or with a method that trains nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from hf_selfdemo.core.claim import claim_folder
from hf_selfdemo.core.console import progress, recall_line, say, show, table_width
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import defaults
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.core.logic import logic_hash
from hf_selfdemo.core.manifest import read_json, rows_fingerprint
from hf_selfdemo.core.protocols import Judge
from hf_selfdemo.core.types import COUNTS, Evidence, Mode, Prediction, Usage
from hf_selfdemo.evaluation.evaluated import (
    Evaluation,
    comparison_of,
    folder_for,
    training_record,
    write_manifest,
    write_predictions,
    write_rows,
)
from hf_selfdemo.evaluation.predict import predict, rows_asked
from hf_selfdemo.evaluation.report import (
    Comparison,
    signals_table,
    symptoms,
    terminal_table,
    write_figures,
    write_page,
)
from hf_selfdemo.generation.models import read_chat_template
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.tuned import weights_hash
from hf_selfdemo.methods.answering import REFUSAL, WITHHELD
from hf_selfdemo.prompting.prompts import JUDGED_WITH, TRAINED_ON, templates_hash
from hf_selfdemo.recipe.config import EvaluateArguments
from hf_selfdemo.recipe.dataset_key import PACKAGE
from hf_selfdemo.recipe.engine import ledger_path, recipe_judge
from hf_selfdemo.recipe.evidence import has_dev, passages_warning, recipe_evidence
from hf_selfdemo.recipe.own_code import own_sources
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.retriever import effective_keys, retrieval_settings
from hf_selfdemo.verbs.ability import AbilityCheck
from hf_selfdemo.verbs.cluster.answering import answer_elsewhere
from hf_selfdemo.verbs.cluster.runner import cluster_of
from hf_selfdemo.verbs.columns import Asked, recipe_columns
from hf_selfdemo.verbs.compare import run_compare
from hf_selfdemo.verbs.networks import Networks
from hf_selfdemo.verbs.replaced import elsewhere, refuse_other_models, say_what_is_replaced
from hf_selfdemo.verbs.served import Engines, refuse_served
from hf_selfdemo.verbs.trained_on import trained_on_warnings
from hf_selfdemo.verbs.unscored import WhyUnscored, unscored_lines

_WORDS = {"base": "base model", "templates": "prompts", "evidence": "test questions or passages"}
"""The words for settings in messages about a difference."""


def run_evaluate(recipe: Recipe) -> None:
    """Compare the base model with the trained models or with a method that trains nothing, and write the report.

    With `compare`, finished evaluations are compared, and no model is asked.
    """
    if recipe.evaluate.compare:
        return run_compare(recipe)
    e, part = recipe.evaluate, _asked(recipe)
    folder = recipe.output_dir / folder_for(part)
    judge = evaluation_judge(recipe)
    cluster = cluster_of(recipe)
    evidence, recall = recipe_evidence(recipe, part, cluster.searching(part) if cluster else None)
    if warning := passages_warning(evidence):
        say(warning)
    ability = AbilityCheck(recipe)
    model = recipe.resolve()
    settings = {
        "base": model.fingerprint,
        "templates": templates_hash(TRAINED_ON),
        "evidence": rows_fingerprint(map(asdict, evidence)),
        "max_answer_tokens": e.max_answer_tokens,
        **recipe.chat_template,
    }
    columns, modes = recipe_columns(recipe, model), recipe_modes(e)
    tuned = {column.name: column.weights for column in columns if column.weights}
    refuse_served(columns, ability, cluster)
    claim_folder(folder, settings, elsewhere(tuned), _WORDS, defaults(EvaluateArguments))
    refuse_other_models(folder, tuned)
    trained = {column.name: column.weights for column in columns if column.weights and not column.at_point}
    for warning in trained_on_warnings(evidence, trained, part):
        say(warning)
    say_what_is_replaced(folder, e.evaluate_judge, bool(ability), columns)
    networks = Networks(recipe, model, held=2 if tuned and judges_by_model(e) else 1)
    _say_which_templates_differ(columns, networks.tokenizer)
    engines = Engines(recipe, networks, model)
    if cluster:
        networks.known(answer_elsewhere(cluster, evidence, model, columns, modes))
    ledger = Ledger(ledger_path(recipe))
    base = RecordedGenerator(
        engines.of(columns[0]), ledger
    )  # judges, and writes the reference replies of the ability check
    runs: dict[str, dict[str, list[Prediction]]] = {}
    unscored: dict[str, dict[str, dict[str, int]]] = {}
    accounts: dict[str, Mapping[Any, RecordedGenerator]] = {}
    asked_rows = {mode: len(rows_asked(evidence, mode)) for mode in modes}
    asking: list[RecordedGenerator] = []
    with progress(
        "evaluate",
        sum(asked_rows.values()) * len(columns) + ability.steps(sum(not column.at_point for column in columns)),
        lambda: base.usage.calls + sum(one.usage.calls for one in asking),
    ) as advance:
        for column in columns:
            name, engine = column.name, engines.of(column)
            asked = {mode: RecordedGenerator(engine, ledger) for mode in modes}
            asking += asked.values()
            judges = {mode: WhyUnscored(judge) for mode in modes}
            runs[name] = {
                mode: predict(
                    evidence,
                    asked[mode],
                    judges[mode],
                    mode,
                    column.answerer,
                    judge_generator=base,
                    on_progress=advance,
                )
                for mode in modes
            }
            unscored[name] = {mode: judges[mode].reasons(runs[name][mode]) for mode in modes}
            if ability and not column.at_point:  # a column at a point has the model of the previous column
                tokenizer = networks.tokenizer_of(column.weights)
                ability.measure(name, networks.network(column.weights), tokenizer, base, advance)
            accounts[name] = asked
            for mode, predictions in runs[name].items():
                write_predictions(folder, name, mode, predictions)
    names = list(runs)
    by_column: dict[str, dict[str, Any]] = {
        "models": {column.name: str(column.weights or "") for column in columns},
        "answerers": {column.name: column.answerer.identity for column in columns},
        "judges": dict.fromkeys(names, _judge_record(recipe, engines.base(columns[0]))),
        "usage": {name: asdict(_summed(name, accounts, base, "usage")) for name in names},
        "reused": {name: asdict(_summed(name, accounts, base, "reused")) for name in names},
        "asking": {
            column.name: {
                mode: _asking(accounts[column.name][mode], column, total) for mode, total in asked_rows.items()
            }
            for column in columns
        },
        "training": {column.name: training_record(column.weights) for column in columns},
        "weights": {name: weights_hash(folder) for name, folder in tuned.items()},
        "served": {column.name: column.served for column in columns if column.served},
    }
    title = f"{model.name}: {len(evidence)} {part} rows"
    about = {
        "title": title,
        "base_model": model.name,
        "dtype": str(recipe.dtype()),
        "settings": settings,
        "data": _data(recipe, part),
        "retrieval": retrieval_settings(recipe.retrieval),
        "recall": recall,
    }
    write_rows(folder, evidence)
    write_manifest(folder, modes, by_column, about | {"ability": ability.settings(), "unscored": unscored})
    say(recall_line(recall))
    _report(replace(comparison_of(Evaluation(folder), names), fits_mix=part == "dev"), folder, ability)
    for line in unscored_lines(unscored):
        say(line)
    _show_replies(runs, evidence, e.predictions_shown)


def _summed(
    name: str, accounts: Mapping[str, Mapping[Any, RecordedGenerator]], judging: RecordedGenerator, kind: str
) -> Usage:
    """The usage of a column. That of the base model includes its calls as a judge."""
    spent = [*accounts[name].values(), *([judging] if name == "base" else [])]
    return sum((getattr(generator, kind) for generator in spent), Usage())


def _asking(account: RecordedGenerator, column: Asked, questions: int) -> dict[str, int]:
    """The cost of answering, cached calls included. Signals count only for a column whose answers depend on them."""
    stages = (account.usage + account.reused).by_stage
    besides = () if column.at_point else (REFUSAL, WITHHELD)
    spent = sum((usage for stage, usage in stages.items() if stage not in besides), Usage())
    return {"questions": questions} | {key: getattr(spent, key) for key in COUNTS}


def _asked(recipe: Recipe) -> str:
    """The part of the data on which the models are evaluated."""
    part = recipe.evaluate.evaluate_on
    if part == "dev" and not has_dev(recipe.data):
        raise UserError("evaluate_on is 'dev', but there are no dev questions", "set dev_questions or held_out_share")
    return part


def judges_by_model(e: EvaluateArguments) -> bool:
    """Whether a model labels the replies, and so must be loaded in addition to the model that writes them."""
    return e.evaluate_judge != "answer_match"


def _judge_record(recipe: Recipe, base: str) -> dict[str, Any]:
    """Everything except the reply and the row that decides a label.

    Args:
        recipe: the recipe, for the judge.
        base: fingerprint of the base model, which judges that need a model ask.
    """
    name = recipe.evaluate.evaluate_judge
    code = logic_hash(PACKAGE / "scoring", PACKAGE / "judging")[:16]
    record = {"name": name, "code": code, **own_sources(judge=name)}
    if not judges_by_model(recipe.evaluate):
        return record
    return record | {"model": base, "templates": templates_hash(JUDGED_WITH), **asdict(recipe.judge)}


def evaluation_judge(recipe: Recipe) -> Judge:
    """Make the judge that labels replies.

    Raises:
        UserError: for an unknown judge, or one that ranks candidates.
    """
    if recipe.evaluate.evaluate_judge == "tournament":
        raise UserError(
            "evaluate_judge is tournament, which ranks several candidates of a question and cannot label one reply",
            "use answer_match, llm_label or match_then_llm",
        )
    return recipe_judge(recipe, recipe.evaluate.evaluate_judge)


def _report(comparison: Comparison, folder: Path, ability: AbilityCheck) -> None:
    """Print the table, and write the table, the figures and the report."""
    width = table_width(len(comparison.columns))
    show(terminal_table(comparison.runs, comparison.title, comparison.asking), width)
    figures = write_figures(folder, comparison)
    if table := signals_table(figures["signals"]):
        show(table, width)
    ability.report(folder, width)
    found = read_json(folder / "figures.json")
    page = write_page(folder, figures | {key: found[key] for key in found.keys() - figures.keys()}, comparison)
    say(f"report: {page}")
    for line in symptoms(figures):
        say(line)


def _data(recipe: Recipe, part: str) -> dict[str, Any]:
    """The options that decide which questions are asked and which passages are shown."""
    keys = asdict(recipe.data) | effective_keys(recipe.retrieval)
    others = {"train", "dev", "test", "index"} - ({part} if part == "test" else {part, "train"})
    return {key: value for key, value in keys.items() if not others & set(key.split("_"))}


def recipe_modes(e: EvaluateArguments) -> list[Mode]:
    """The evaluation modes of a recipe, in a fixed order.

    Raises:
        UserError: for an unknown mode, or if there is none.
    """
    known: tuple[Mode, ...] = get_args(Mode)
    if not e.evaluate_modes:
        raise UserError("evaluate_modes is empty", f"name one or more of {', '.join(known)}")
    for mode in e.evaluate_modes:
        if mode not in known:
            raise UserError(f"evaluate_modes: {mode!r} is unknown", did_you_mean(mode, list(known)))
    return [mode for mode in known if mode in e.evaluate_modes]


def _say_which_templates_differ(columns: Sequence[Asked], tokenizer: Any) -> None:
    """A model that was trained with a chat template of its own should be asked with that; a server has its own."""
    folders = {column.weights: None for column in columns if column.weights and not column.served}
    for path in (folder / "chat_template.jinja" for folder in folders):
        if path.exists() and read_chat_template(str(path)) != tokenizer.chat_template:
            remedy = f"to ask all models with its template, add --chat_template_path {path}"
            say(f"warning: {path.parent} was trained with another chat template than it is asked with; {remedy}")


def _show_replies(runs: Any, evidence: Sequence[Evidence], count: int) -> None:
    for i, row in enumerate(evidence[:count]):
        say(f"{row.question.text}  ({', '.join(row.question.answers) or 'no gold answer'})", "bold")
        for name, modes in runs.items():
            for mode, predictions in modes.items():
                if i < len(predictions):
                    say(f"  {name} {mode}: {predictions[i].text!r} ({predictions[i].label})")
