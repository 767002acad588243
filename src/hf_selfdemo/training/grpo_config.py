"""The training options of GRPO."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from trl import GRPOConfig

from hf_selfdemo.training.arguments import UNHEEDED, RowArguments

_UNHEEDED = {
    "closed_book_share": (0.0,),
    "data_seed": (None,),
    "leave_gold_out_share": (0.0,),
    "log_completions": (False,),
    "num_generations_eval": (1, None),
    "train_sampling_strategy": ("random",),
}
"""Further options without effect, as in `arguments.UNHEEDED`, for GRPO alone."""


@dataclass
class SelfDemoGRPOConfig(RowArguments, GRPOConfig):  # type: ignore[misc]  # defaults other than TRL's
    """TRL's `GRPOConfig` with `RowArguments`, options for the reward, and options for the guard against collapse.

    Defaults that differ from TRL's: replies of up to 32 tokens; a log line for every step and a checkpoint every 10,
    since a step is slow; no dropout, so that the model replies in training as it will later; and `learning_rate` 1e-5,
    for LoRA. `max_length` limits prompt and reply together.

    Example:
        >>> args = SelfDemoGRPOConfig(output_dir="out", report_to=[], rollout_temperature=0.7)
        >>> args.temperature, args.num_generations, args.beta, args.save_strategy.value
        (0.7, 8, 0.0, 'steps')
    """

    unheeded: ClassVar = {key: UNHEEDED[key] for key in UNHEEDED if key != "shuffle_dataset"} | _UNHEEDED

    learning_rate: float = field(default=1e-5, metadata={"help": "peak learning rate"})
    num_generations: int = field(default=8, metadata={"help": "number of replies to each prompt, which are compared"})
    max_completion_length: int = field(default=32, metadata={"help": "longest reply in training, in tokens"})
    logging_steps: float = field(default=1, metadata={"help": "steps between two log lines"})
    save_strategy: str = field(default="steps", metadata={"help": "checkpoints: no, epoch, steps or best"})
    save_steps: float = field(default=10, metadata={"help": "steps between two checkpoints"})
    disable_dropout: bool = field(default=True, metadata={"help": "train without dropout, also in adapters"})
    num_generations_eval: int | None = field(default=1, metadata={"help": "no effect: dev questions are asked once"})
    shuffle_dataset: bool | None = field(default=True, metadata={"help": "shuffle the questions in every epoch"})

    renamed: ClassVar = {"temperature": "rollout_temperature", "generation_batch_size": None}
    temperature: float = field(init=False, default=1.0)  # in a recipe, this name is the candidates' temperature
    generation_batch_size: int | None = field(init=False, default=None)  # in a recipe, this name is the engine's
    rollout_temperature: float = field(default=1.0, metadata={"help": "temperature of the replies that are rewarded"})
    reward_judge: str = field(
        default="answer_match",
        metadata={
            "help": "judge that labels replies in training: answer_match, llm_label or match_then_llm; a judge that "
            "needs a model asks the base model without any adapter"
        },
    )
    reward_abstain_value: float = field(
        default=0.5, metadata={"help": "reward of an abstention, from 0 (an incorrect answer) to 1 (a correct one)"}
    )
    reward_only_where_none_right: bool = field(
        default=False, metadata={"help": "reward an abstention only if no reply to the same prompt is correct"}
    )
    max_abstention_rate: float = field(
        default=0.9, metadata={"help": "share of abstentions above which training counts as collapsed"}
    )
    collapse_steps: int = field(
        default=20, metadata={"help": "stop after this number of steps above max_abstention_rate; 0 never stops"}
    )

    def __post_init__(self) -> None:
        self.temperature = self.rollout_temperature
        self.generation_batch_size = None  # TRL computes it from the other options, and rejects both being set
        super().__post_init__()
