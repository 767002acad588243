"""Summaries of a run's manifests: options, versions, and the costs of demonstrations, training and replies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from hf_selfdemo.core.types import COUNTS

Manifest = Mapping[str, Any]


def usage_told(manifest: Manifest, column: str = "") -> dict[str, int]:
    """Calls and tokens of a stage, including calls found in the ledger: its cost from scratch.

    Args:
        manifest: the manifest of demonstrations or of an evaluation.
        column: a column of the evaluation; empty for demonstrations.
    """
    used = [manifest.get(kind, {}) for kind in ("usage", "reused")]
    parts = [part.get(column, {}) if column else part for part in used]
    return {key: sum(part.get(key, 0) for part in parts) for key in COUNTS}


def demonstrations_told(made: Manifest) -> dict[str, Any]:
    """Counts, tokens and the on-policy figure of demonstrations; empty if there are none."""
    if not made:
        return {}
    kept = ("rows_in", "demonstrations", "outcomes", "skipped", "pairs", "on_policy", "recall", "train.parquet")
    return {key: made[key] for key in kept if key in made} | {"usage": usage_told(made)}


def training_told(trained: Manifest) -> dict[str, Any]:
    """Rows, steps, tokens, seconds and on-policy figures of a training; empty if nothing was trained.

    Tokens count the prompts and replies that the optimiser has seen, over all epochs; None if they were not logged.
    """
    if not trained:
        return {}
    log = trained["log"]
    return {
        "rows": trained["rows_trained"],
        "steps": max((line["step"] for line in log), default=0),
        "tokens": max((int(line["num_tokens"]) for line in log if "num_tokens" in line), default=None),
        "seconds": trained["metrics"].get("train_runtime"),
        "on_policy": trained.get("on_policy", {}),
    }


def versions_told(manifests: Iterable[Manifest]) -> dict[str, str]:
    """The version of each library; all versions if stages used different ones."""
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        for package, version in manifest.get("versions", {}).items():
            found.setdefault(package, set()).add(version)
    return {package: ", ".join(sorted(versions)) for package, versions in found.items()}


def keys_told(made: Manifest, trained: Manifest, evaluated: Manifest) -> dict[str, Any]:
    """The options of a run: training options that differ from their defaults, and all other options.

    They include hashes of the inputs. Of absolute paths only the last name is kept.
    """
    settings = trained.get("settings", {})
    usual = _training_defaults(settings["objective"]) if settings else {}
    found = {
        "demonstrations": {**made.get("settings", {}), **made.get("selection", {})},
        "training": {key: value for key, value in settings.items() if usual.get(key) != value},
        "data": evaluated["data"],
    }
    return {part: {key: _without_folder(value) for key, value in keys.items()} for part, keys in found.items()}


def _without_folder(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_folder(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


@lru_cache(maxsize=2)
def _training_defaults(objective: str) -> dict[str, Any]:
    from trl import ModelConfig

    from hf_selfdemo.core.loading import load
    from hf_selfdemo.recipe.keys import OBJECTIVES
    from hf_selfdemo.training.decisive import decisive_keys

    config: Any = load("objective", objective, OBJECTIVES)
    keys = asdict(ModelConfig()) | config(output_dir="unused").to_dict()
    defaults = decisive_keys(keys, keys)
    found: dict[str, Any] = json.loads(json.dumps(defaults, default=str))
    return found
