"""The allowed ranges of numbers, and a check of every number among a recipe's options."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from numbers import Integral, Real
from reprlib import repr as shorter
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from hf_selfdemo.core.errors import UserError

LARGEST = 10**12
"""The largest number that any option may have. Larger numbers would overflow in some library."""


class Range(NamedTuple):
    """The values that a number may have.

    Args:
        remedy: the remedy for a number out of range.
        least: the smallest allowed number.
        most: the largest allowed number.
        above: a number that allowed numbers must be greater than.
        below: a number that allowed numbers must be less than.
        whole: whether only whole numbers are allowed.
    """

    remedy: str
    least: float = -math.inf
    most: float = math.inf
    above: float | None = None
    below: float | None = None
    whole: bool = False

    def holds(self, number: Any) -> bool:
        """Whether a number is in the range. NaN never is."""
        return bool(
            self.least <= number <= self.most
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    def check(self, **numbers: Any) -> None:
        """Check numbers, given by the names of their parameters or options.

        Raises:
            UserError: naming the first value that is not a number, not whole, out of range, or not finite.

        Example:
            >>> ONE_OR_MORE.check(window=0)
            Traceback (most recent call last):
            ...
            hf_selfdemo.core.errors.UserError: window is 0: give 1 or more
        """
        kind: type[Any] = Integral if self.whole else Real
        for name, number in numbers.items():
            if isinstance(number, bool) or not isinstance(number, kind):
                raise UserError(f"{name} is {shorter(number)}", f"give a {'whole ' if self.whole else ''}number")
            if not self.holds(number):
                raise UserError(f"{name} is {_shown(number)}", self.remedy)
            if not abs(number) <= LARGEST:
                raise UserError(f"{name} is {_shown(number)}", f"{self.remedy}, at most {LARGEST:,}")


def _shown(number: Any) -> str:
    return f"{number:g}" if isinstance(number, float) else shorter(number)


ONE_OR_MORE = Range("give 1 or more", least=1, whole=True)
TWO_OR_MORE = Range("give 2 or more", least=2, whole=True)
ZERO_OR_MORE = Range("give 0 or more", least=0, whole=True)
ALL_OR_SOME = Range("give -1 for all, or a number from 0", least=-1, whole=True)
STEPS = Range("give -1 for no limit, or a number from 0", least=-1, whole=True)
RANK = Range("give -1 or more", least=-1, whole=True)
SEED = Range("give a whole number from 0 to 4294967295", least=0, below=1 << 32, whole=True)  # numpy's limits
PORT = Range("give a port from 1 to 65535", least=1, below=1 << 16, whole=True)
MATCH = Range("give 2 to 9", least=2, most=9, whole=True)  # choices must differ in their first token
REFUSAL_PROMPTS = Range("give 1, 2 or 3", least=1, most=3, whole=True)
NOT_NEGATIVE = Range("give 0 or more", least=0)
POSITIVE = Range("give more than 0", above=0)
SHARE = Range("give a share between 0 and 1", least=0, most=1)
SHARE_BETWEEN = Range("give a share above 0 and below 1", above=0, below=1)
SHARE_BELOW_ONE = Range("give a share from 0 to below 1", least=0, below=1)
SHARE_BELOW_HALF = Range("give a share from 0 to below 0.5", least=0, below=0.5)
SHARE_ABOVE_ZERO = Range("give a share above 0 and up to 1", above=0, most=1)
NUMBER = Range("give a number")

TRAINING_KEYS: Mapping[Range, str] = {
    ONE_OR_MORE: "max_length max_dev_tokens per_device_train_batch_size per_device_eval_batch_size "
    "gradient_accumulation_steps eval_accumulation_steps save_total_limit torch_empty_cache_steps ddp_bucket_cap_mb "
    "ddp_timeout dataloader_prefetch_factor precompute_ref_batch_size ref_model_sync_steps lora_r lora_alpha "
    "max_completion_length num_generations_eval num_iterations steps_per_generation max_tool_calling_iterations "
    "num_completions_to_print vllm_max_model_length vllm_tensor_parallel_size",
    TWO_OR_MORE: "num_generations",
    ZERO_OR_MORE: "train_tokens early_stopping_patience meter_rows dataloader_num_workers top_k collapse_steps",
    PORT: "vllm_server_port vllm_group_port",
    STEPS: "max_steps",
    RANK: "local_rank",
    SEED: "seed data_seed",
    NOT_NEGATIVE: "learning_rate weight_decay adam_epsilon max_grad_norm warmup_steps neftune_noise_alpha eval_delay "
    "router_aux_loss_coef abstention_weight loss_weights beta epsilon epsilon_high delta entropy_coef entropy_coef_min "
    "entropy_coef_max entropy_coef_delta entropy_target off_policy_mask_threshold reward_weights vespo_k_pos "
    "vespo_k_neg vespo_lambda_pos vespo_lambda_neg vllm_importance_sampling_cap vllm_importance_sampling_clip_min "
    "vllm_importance_sampling_clip_max preference_weight invariance_weight",
    POSITIVE: "num_train_epochs logging_steps eval_steps save_steps discopop_tau rollout_temperature "
    "repetition_penalty sapo_temperature_pos sapo_temperature_neg vllm_server_timeout "
    "similarity_temperature preference_temperature",
    SHARE: "passage_dropout leave_gold_out_share closed_book_share label_smoothing_factor ld_alpha "
    "ref_model_mixup_alpha min_p top_entropy_quantile reward_abstain_value max_abstention_rate",
    SHARE_ABOVE_ZERO: "top_p vllm_gpu_memory_utilization",
    SHARE_BELOW_ONE: "lora_dropout adam_beta1 adam_beta2",
    SHARE_BELOW_HALF: "label_smoothing",
    NUMBER: "f_alpha_divergence_coef",
}
"""The numeric options of TRL's configurations that this package uses, by their range. The fields of our own options
have their ranges."""

_BY_KEY = {key: one for one, keys in TRAINING_KEYS.items() for key in keys.split()}


def check_keys(group: Any) -> None:
    """Check every number among the options of a group.

    Args:
        group: a dataclass of options.

    Raises:
        UserError: naming the first option whose number is out of range.

    Example:
        >>> from hf_selfdemo.recipe.config import EngineArguments
        >>> check_keys(EngineArguments(server_retries=-1))
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: server_retries is -1: give 0 or more
    """
    ranges = key_ranges(type(group))
    for key, kinds in number_keys(type(group)).items():
        value = getattr(group, key)
        if value is None and NoneType in kinds:
            continue
        several = list in {get_origin(kind) for kind in kinds}
        if several and not isinstance(value, list):
            raise UserError(f"{key} is {value!r}", "give a list of numbers")
        for number in value if several else [value]:
            ranges[key].check(**{key: number})


def key_ranges(group: Any) -> dict[str, Range]:
    """The range of every numeric option of a dataclass, from its field or `TRAINING_KEYS`; any number otherwise.

    Example:
        >>> from hf_selfdemo.recipe.config import TrainArguments
        >>> key_ranges(TrainArguments)["num_rounds"].remedy
        'give 1 or more'
    """
    said = {f.name: f.metadata.get("range") for f in dataclasses.fields(group)}
    return {key: said[key] or _BY_KEY.get(key, NUMBER) for key in number_keys(group)}


def number_keys(group: Any) -> dict[str, frozenset[Any]]:
    """The options of a dataclass that are numbers or lists of numbers, with their declared types.

    Example:
        >>> from hf_selfdemo.recipe.command_keys import ExportArguments
        >>> from hf_selfdemo.recipe.config import TrainArguments
        >>> sorted(number_keys(TrainArguments)), number_keys(ExportArguments)
        (['max_refusal_rise', 'num_rounds'], {})
    """
    hints = get_type_hints(group)
    kinds = {f.name: frozenset(kinds_of(hints[f.name])) for f in dataclasses.fields(group) if f.init}
    numbers = {int, float, list[int], list[float]}
    return {key: found for key, found in kinds.items() if found - {NoneType} and found - {NoneType} <= numbers}


def kinds_of(hint: Any) -> tuple[Any, ...]:
    """The types that a type hint allows, one by one.

    Example:
        >>> kinds_of(int | None)
        (<class 'int'>, <class 'NoneType'>)
    """
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
