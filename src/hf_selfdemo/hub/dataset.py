"""Demonstrations as a dataset repository that loads with one line, with a card that describes how they were made."""

from __future__ import annotations

import dataclasses
import glob
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from datasets import Dataset, Features, List, Value
from huggingface_hub import DatasetCard, DatasetCardData

from hf_selfdemo.core.artefacts import Demonstrations
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.manifest import file_hash, read_json
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.types import Label, Source
from hf_selfdemo.data.rows import FEATURES, RANKED, SEGMENTED, TRUSTED, evidence_of, with_pairs_listed
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.card import checked_id, is_hub_id, write_card
from hf_selfdemo.hub.licence import source_licence
from hf_selfdemo.hub.shards import describe, size_category, write_shards
from hf_selfdemo.methods.answering import PROMPTED, single_prompt
from hf_selfdemo.methods.demonstrations import checked_file, load_demonstrations
from hf_selfdemo.methods.method import known_method, own_words
from hf_selfdemo.recipe.config import JudgeArguments
from hf_selfdemo.training.pair_rows import no_pair
from hf_selfdemo.training.row_kinds import ROW_KINDS
from hf_selfdemo.training.trl_columns import to_trl

CANDIDATE_FEATURES = Features({**FEATURES, "skipped": Value("string")})
"""The columns of every input row: those of a demonstration, and why it was left out ("" if it was not)."""

_OF_SOME = {"question": Value("string"), "logprob": Value("float64")}
"""Columns of candidates that only some methods write: their own question, and their likelihood."""

_OF_MODEL_JUDGES = ("judge_orders", "judge_passages", "judge_reasoning", "judge_tries", "max_judge_tokens")
_OF_TOURNAMENTS = ("bracket_size", "judge_orders", "unverified_winners")
_OF_JUDGES = tuple(f.name for f in dataclasses.fields(JudgeArguments))
_AGAIN = "run `hf-selfdemo demonstrate` again; cached calls are not repeated"
_NEEDED = ("train.parquet", "demonstrations", "candidate_labels", "rows_in", "outcomes", "skipped")
_HASHES = ("generator", "questions_passages_twins", "instructions", "templates", "method_source", "judge_source")


def dataset_artefact(
    run: Path,
    repo_id: str,
    *,
    data: Mapping[str, Any] | None = None,
    license: str = "",
    language: Sequence[str] = ("en",),
    max_shard_size: str = "500MB",
    folder: Path | None = None,
    answerer: Answerer = PROMPTED,
) -> Artefact:
    """Make a repository of Parquet files and a card from the demonstrations of a run.

    The configurations `sft` and, if there are pairs, `preference` contain conversations for TRL's own trainers.
    `structured` contains the rows for the trainers of this package. `candidates` contains every input row, with all
    candidates and their labels. The default is `sft`, or `structured` if some rows are not replies to their question
    and so cannot be conversations.

    Args:
        run: the run's folder, which contains `demonstrations`.
        repo_id: owner and name of the repository.
        data: the run's options of questions, passages and retrieval, for the card.
        license: licence of the source text, an identifier such as `cc-by-sa-4.0`. Not needed for the embedded corpus.
        language: ISO codes.
        max_shard_size: largest Parquet file, before compression.
        folder: folder for the Parquet files; default: `hub/dataset` in the run.
        answerer: makes the prompts of the conversations.

    Raises:
        UserError: if the run has no finished demonstrations, they changed since, or the licence is unknown.
    """
    checked_id(repo_id)
    source, data = run / "demonstrations", data or {}
    manifest = _manifest(source)
    license = source_licence(data, license)
    configs = _configs(source, answerer)
    target = folder or run / "hub" / "dataset"
    shards = {name: write_shards(rows, target / name, max_shard_size) for name, rows in configs.items()}
    writer, default = manifest["model"]["name"], next(iter(configs))
    method = known_method(manifest["settings"]["method"])
    card = write_card(
        "dataset",
        _metadata(repo_id, configs, data, license, language, writer) | describe(configs, shards, default),
        repo_id=repo_id,
        manifest=manifest,
        writer=writer if is_hub_id(writer) else "",
        counts={"sft": 0, "preference": 0, "candidates": 0} | {name: len(rows) for name, rows in configs.items()},
        rows=_counts(configs["structured"]),
        written=_written(manifest["candidate_labels"]),
        settings=_settings(manifest),
        own=own_words(manifest["settings"]["method"]),
        method=method,
        kinds=_kinds(configs["structured"]),
        default=default,
        row_kinds=ROW_KINDS,
        data=shown_data(data),
        license=license,
        example=_example(configs["structured"], answerer),
        recall=_recall(manifest.get("recall", {})),
    )
    DatasetCard(card)  # raises if the metadata cannot be read back
    files: dict[str, Path | str] = {"README.md": card}
    files |= {f"{name}/{path.name}": path for name, paths in shards.items() for path in paths}
    count = len(configs["structured"])
    return Artefact("dataset", repo_id, "dataset", files, f"{count} demonstrations in {', '.join(configs)}")


def shown_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the data for a card, with names of files instead of paths, and without empty options.

    Example:
        >>> shown_data({"train_questions": ["/data/q.jsonl", "embedded"], "preset": "open_qa", "sources": []})
        {'train_questions': ['q.jsonl', 'embedded'], 'preset': 'open_qa'}
    """

    def shown(value: Any) -> Any:
        if isinstance(value, list):
            return [shown(item) for item in value]
        return Path(value).name if isinstance(value, str) and "/" in value and not is_hub_id(value) else value

    others = {"dev", "test", "index"}
    return {k: shown(v) for k, v in data.items() if v not in (None, "", []) and not others & set(k.split("_"))}


def _manifest(source: Path) -> dict[str, Any]:
    path = source / "manifest.json"
    if not path.exists():
        raise UserError(f"{source} contains no finished demonstrations", "run `hf-selfdemo demonstrate` first")
    manifest = read_json(path, Demonstrations)
    if not {"model", "settings", "selection"} <= manifest.keys():
        raise UserError(f"{path} lacks the settings of the demonstrations", _AGAIN)
    manifest = read_json(path, Demonstrations, *_NEEDED)
    if not (source / "train.parquet").exists() or file_hash(source / "train.parquet") != manifest["train.parquet"]:
        raise UserError(f"{source / 'train.parquet'} is missing or has changed since it was written", _AGAIN)
    if not manifest["demonstrations"]:
        raise UserError(f"{source} contains no demonstration", "look up in skipped.jsonl why all rows were left out")
    return manifest


def _configs(source: Path, answerer: Answerer) -> dict[str, Dataset]:
    structured = load_demonstrations(source)
    kinds = structured["kind"] if "kind" in structured.column_names else []
    replies = structured.select([i for i, kind in enumerate(kinds) if not kind]) if kinds else structured
    configs = {"structured": structured} if len(replies) < len(structured) else {}
    if len(replies):
        configs["sft"] = to_trl(replies, answerer=answerer)
    if not all(map(no_pair, structured.select_columns(["mode", "rejected"]))):
        configs["preference"] = to_trl(replies, preference=True, answerer=answerer)
    configs["structured"] = structured
    if (path := checked_file(source, "candidates.jsonl")).exists():
        with explained(f"{path} cannot be read", _AGAIN):
            configs["candidates"] = _candidates(path)
    return configs


def _candidates(path: Path) -> Dataset:
    earlier = kinds = trusted = ranked = False
    told = set[str]()
    with path.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            earlier |= "rejected_label" in row
            kinds |= "kind" in row
            trusted |= any("trusted" in segment for segment in row.get("segments", ()))
            ranked |= "ranking" in row
            told |= {name for name in _OF_SOME for candidate in row["candidates"] if name in candidate}
    of_kinds = RANKED if ranked else TRUSTED if trusted else SEGMENTED if kinds else {}
    features = {**CANDIDATE_FEATURES, **of_kinds}
    if earlier:
        features |= {"rejected": Value("string"), "rejected_label": Value("string")}
    if told:
        further = {name: kind for name, kind in _OF_SOME.items() if name in told}
        features["candidates"] = List({**FEATURES["candidates"].feature, **further})
    return with_pairs_listed(Dataset.from_json(glob.escape(str(path)), features=Features(features)))


def _metadata(
    repo_id: str,
    configs: Mapping[str, Dataset],
    data: Mapping[str, Any],
    license: str,
    language: Sequence[str],
    writer: str,
) -> dict[str, Any]:
    named = [*data.get("train_questions", ()), data.get("train_corpus") or ""]
    extended = sorted({name for name in named if "/" in name and is_hub_id(name)})
    found: dict[str, Any] = DatasetCardData(
        pretty_name=repo_id.partition("/")[2],
        language=list(language),
        license=license,
        size_categories=[size_category(len(configs["structured"]))],
        task_categories=["question-answering", "text-generation"],
        annotations_creators=["machine-generated"],
        language_creators=["machine-generated"],
        source_datasets=extended or (["original"] if named[0] == "embedded" else None),
        tags=["self-demo", "rag", "retrieval-augmented-generation", "abstention", "trl", "sft", "dpo", "synthetic"],
        base_model=writer if is_hub_id(writer) else None,
    ).to_dict()
    return found


def _settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decided the candidates and the selection, without those that had no effect."""
    found: dict[str, Any] = manifest["settings"] | manifest["selection"]
    method, judge = found.pop("method", ""), found.pop("judge", "")
    if not own_words(method):
        silent = {*_HASHES, *_OF_JUDGES}
        return {"method": method} | {key: value for key, value in found.items() if key not in silent}
    silent = {*_HASHES, *(_OF_MODEL_JUDGES if judge == "answer_match" else ())}
    silent |= {*(_OF_TOURNAMENTS if judge != "tournament" else ())}
    return {"method": method, "judge": judge} | {k: v for k, v in found.items() if k not in silent}


def _kinds(rows: Dataset) -> dict[str, int]:
    """The number of rows by kind; {} if all rows are replies to their question."""
    found = Counter(rows["kind"]) if "kind" in rows.column_names else Counter()
    return {kind or "": count for kind, count in found.most_common()}


def _counts(rows: Dataset) -> dict[str, int]:
    """The counts of rows that the card shows."""
    named = ["mode", "outcome", "answer_in_context", "gold_removed", "answerable", "verified", "kind"]
    columns = rows.select_columns([name for name in named if name in rows.column_names])
    found = {"answers": 0, "abstentions": 0, "replayed": 0, "twins": 0, "in_context": 0, "unverified": 0}
    for row in columns:
        if row.get("kind"):
            continue
        replayed = row["mode"] == "closed_book"
        found["replayed"] += replayed
        found["answers"] += not replayed and row["outcome"] == "answer"
        found["abstentions"] += not replayed and row["outcome"] == "abstain"
        found["twins"] += row["gold_removed"]
        found["in_context"] += row["answer_in_context"]
        found["unverified"] += not replayed and not row["verified"]
    return found | {"passages": max(len(passages) for passages in rows["passages"])}


def _written(counts: Mapping[str, int]) -> dict[str, Any]:
    """The candidates by source (rows) and label (columns); {} if there are none."""
    by_pair = {tuple(name.split(": ")): count for name, count in counts.items()}
    labels = [label for label in get_args(Label) if any(label in pair for pair in by_pair)]
    sources = [source for source in get_args(Source) if any(source in pair for pair in by_pair)]
    rows = {source: [by_pair.get((source, label), 0) for label in labels] for source in sources}
    return {"labels": labels, "rows": rows} if rows else {}


def _recall(figures: Mapping[str, float]) -> list[tuple[int, float]]:
    """The share of questions with a gold answer among the first k passages, by k."""
    return sorted((int(key[7:]), value) for key, value in figures.items() if key.startswith("answer@"))


def _example(rows: Dataset, answerer: Answerer) -> dict[str, Any]:
    """An example row with its prompt: if possible, a correct answer with a pair."""
    telling = rows.select_columns(["mode", "outcome", "verified", "rejected"])
    marks = [(one["verified"] and one["outcome"] == "answer", not no_pair(one)) for one in telling]
    row: dict[str, Any] = rows[marks.index(max(marks))]
    if row.get("kind"):
        return row | {"prompt": ""}
    asked = single_prompt(row["question"], evidence_of(row).passages, row["mode"], answerer)
    return row | {"prompt": "\n\n".join(message["content"] for message in asked)}
