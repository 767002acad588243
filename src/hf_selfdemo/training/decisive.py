"""Which training keys decide the weights, and which of these a card tells.

Most are TRL's and transformers' own, which cannot say so themselves: the tables of them stand here alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hf_selfdemo.core.keys import defaults
from hf_selfdemo.training.arguments import UNHEEDED, RowArguments

_NO_EFFECT = (
    "output_dir",
    "hub_",
    "push_to_hub",
    "log",
    "report_to",
    "run_name",
    "project",
    "trackio",
    "save_",
    "disable_tqdm",
    "meter_rows",
    "dataloader_num_workers",
    "dataloader_prefetch_factor",
    "dataloader_persistent_workers",
    "dataloader_pin_memory",
    "ddp_",
    "local_rank",
    "resume_",
)
"""Beginnings of keys that say where, how fast or what is told, and decide no weight."""

_LENGTH = ("train_tokens", "max_steps", "num_train_epochs")
"""What says how long training goes on, in the order in which it decides."""

_TOLD = (
    "objective",
    "learning_rate",
    "lr_scheduler_type",
    "warmup_steps",
    "train_sampling_strategy",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "weight_decay",
    "max_length",
    "loss_type",
    "loss_weights",
    "beta",
    "abstention_weight",
    "num_generations",
    "max_completion_length",
    "attempts",
    "critics",
    "max_feedback_tokens",
    "rollout_temperature",
    "reward_judge",
    "reward_abstain_value",
    "reward_only_where_none_right",
    "bf16",
    "load_in_4bit",
    "load_in_8bit",
    "seed",
)
"""Keys that a card tells at their defaults, too."""

_LORA = ("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "use_rslora", "use_dora")
"""The same of adapters."""

OF_JUDGES = ("reward_judge", "reward_abstain_value", "reward_only_where_none_right")
"""Keys that critics take the place of."""


def decisive_keys(keys: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Those that decide the weights, and are set: no paths, tokens or logging.

    Args:
        keys: with their values.
        usual: defaults; a key that is None in place of another default is set, unless nothing heeds it.

    Example:
        >>> decisive_keys({"learning_rate": 0.1, "output_dir": "runs/a", "hub_token": "t", "seed": None}, {})
        {'learning_rate': 0.1}
        >>> decisive_keys({"max_length": None}, {"max_length": 2048})
        {'max_length': None}
    """
    unset = {key for key, value in keys.items() if value is None and (usual.get(key) is None or key in UNHEEDED)}
    return {key: value for key, value in keys.items() if key not in unset and not key.startswith(_NO_EFFECT)}


def told_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of the keys that decided the weights those that a reader of a card wants to know; none of them is a path.

    Our own keys are told where they are not as usual. Of what says how long training goes on, the first that is set
    decides and is told.

    Args:
        settings: as the manifest of a training has them.

    Example:
        >>> told_keys({"max_steps": 9, "num_train_epochs": 3.0, "learning_rate": 0.1, "passage_dropout": 0.0})
        {'max_steps': 9, 'learning_rate': 0.1}
    """
    set_ = {key: value for key, value in settings.items() if value not in (None, False, -1)}
    usual = defaults(RowArguments)
    ours = [f.name for f in fields(RowArguments) if f.name in set_ and set_[f.name] != usual[f.name]]
    ours = [key for key in decisive_keys(dict.fromkeys(ours, True), {}) if not key.endswith("_path")]
    lora = _LORA if settings.get("use_peft") else ()
    length = [key for key in _LENGTH if key in set_][:1]
    unused = OF_JUDGES if "critics" in set_ else ()
    others = [key for key in (*_TOLD, *ours, *lora) if key not in (*_LENGTH, *unused)]
    return {key: set_[key] for key in dict.fromkeys([*length, *others]) if key in set_}
