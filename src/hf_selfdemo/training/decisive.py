"""Which training options decide the weights, and which of these a model card shows.

Most options are TRL's and transformers', which do not say what they decide. Only this file lists them.
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
"""Prefixes of options that change only paths, speed or logging, and decide no weight."""

_LENGTH = ("train_tokens", "max_steps", "num_train_epochs")
"""Options for the length of training. The first that is set decides."""

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
"""Options that a card shows even at their defaults."""

_LORA = ("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "use_rslora", "use_dora")
"""The same for adapters."""

OF_JUDGES = ("reward_judge", "reward_abstain_value", "reward_only_where_none_right")
"""Options that have no effect when critics give the rewards."""


def decisive_keys(keys: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """The options that decide the weights and are set; no paths, tokens or logging.

    Args:
        keys: options with their values.
        usual: their defaults. None counts as set where the default is another value, unless the option has no effect.

    Example:
        >>> decisive_keys({"learning_rate": 0.1, "output_dir": "runs/a", "hub_token": "t", "seed": None}, {})
        {'learning_rate': 0.1}
        >>> decisive_keys({"max_length": None}, {"max_length": 2048})
        {'max_length': None}
    """
    unset = {key for key, value in keys.items() if value is None and (usual.get(key) is None or key in UNHEEDED)}
    return {key: value for key, value in keys.items() if key not in unset and not key.startswith(_NO_EFFECT)}


def told_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a model card shows, out of those that decided the weights. None of them is a path.

    This package's own options are shown where they differ from their defaults. Of the options for the length of
    training, only the one that decided is shown.

    Args:
        settings: the settings in the manifest of a training.

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
