"""Which options each command reads. Its help lists only these.

All commands share a recipe, so every command accepts all options.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from hf_selfdemo.methods.question_writer import QuestionKeys
from hf_selfdemo.recipe import command_keys, config


@dataclasses.dataclass(frozen=True)
class Reads:
    """The options that one command reads.

    Args:
        groups: classes of the package's own options.
        keys: single options of other classes.
        parts: the parts of the data ("train", "dev", "test") whose options it reads.
        loads: whether it loads a model.
        trains: whether it reads the options of LoRA and of the objective.
        method: which options of the method it reads: "all", those that decide "replies", or none ("").
    """

    groups: tuple[Any, ...] = ()
    keys: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    loads: bool = True
    trains: bool = False
    method: str = "replies"

    def __add__(self, other: Reads) -> Reads:
        """The options of both, for a command that does what two others do."""
        return Reads(
            (*self.groups, *other.groups),
            (*self.keys, *other.keys),
            (*self.parts, *other.parts),
            self.loads or other.loads,
            self.trains or other.trains,
            min(self.method, other.method, key=_MOST_FIRST.index),
        )

    def of_group(self, group: Any) -> list[str]:
        """The options of one of the package's own classes that the command reads."""
        single = {*self.keys, *(("method",) if self.method else ())}
        return [name for name in key_names([group]) if name in single or (group in self.groups and self._of_part(name))]

    def of_method(self, group: Any) -> list[str]:
        """The options of one of the method's classes that the command reads."""
        fields = dataclasses.fields(group)
        return [f.name for f in fields if self.method == "all" or self.method == f.metadata["decides"]]

    def of_model(self, group: Any) -> list[str]:
        """The options of the model and of LoRA that the command reads."""
        return [name for name in key_names([group]) if self.trains or (self.loads and name in _LOADING)]

    def of_training(self, group: Any) -> list[str]:
        """The options of an objective that the command reads."""
        single = {"output_dir", *self.keys, *(_LOADING if self.loads else ())}
        return [name for name in key_names([group]) if self.trains or name in single]

    def _of_part(self, name: str) -> bool:
        told = {*name.replace("held_out", "train_dev").split("_")} & {"train", "dev", "test"}
        return not told or bool(told & {*self.parts})


def key_names(groups: Sequence[Any]) -> list[str]:
    """The names of the options of these classes.

    Example:
        >>> key_names([command_keys.ExportArguments])
        ['export_to']
    """
    return [f.name for group in groups for f in dataclasses.fields(group) if f.init]


_MOST_FIRST = ("all", "replies", "")

_LOADING = (
    *("model_name_or_path", "model_revision", "dtype", "attn_implementation"),
    *("trust_remote_code", "chat_template_path"),
)
"""Options of TRL that every command reads that loads a model."""

_IN_PROCESS = (
    *("inference_dtype", "generation_batch_size", "prefix_cache_gb", "frozen_layers", "frozen_dir", "device_map"),
)
"""Options of generation in this process."""

_ELSEWHERE = ("runner", "ray_address", "ray_workers", "ray_worker_cpus", "ray_worker_gpus", "ray_ledgers")
"""Options of generation on a cluster."""

_SERVED = ("served", "server_url", "server_concurrency", "server_timeout_s", "server_retries", "server_key_variable")
"""Which models a server has, and how it is called."""

_TUNED = ("adapters", "variant", "num_rounds", "max_answer_tokens", "demonstrate_seed")
"""Options of the trained models."""

_SEARCHED = (
    *("documents", "test_corpus", "test_questions", "test_split", "preset", "columns", "dataset_config"),
    *("dataset_revision", "list_separator", "corpus_columns", "corpus_config", "corpus_revision", "corpus_split"),
    *("retriever", "retriever_model", "retriever_query_prompt", "retriever_passage_prompt"),
    *("reranker", "rerank_depth", "passages_per_question", "max_passage_words", "split_passages", "index_dir"),
)
"""Options of the test corpus and of retrieval."""

_PARTS = ("train", "dev", "test")
_ROWS = (config.DataArguments, config.RetrievalArguments)
_SEARCH = Reads(
    (*_ROWS, config.EngineArguments, config.PromptSearchArguments),
    ("documents", "demonstrate_seed"),
    ("train",),
    method="all",
)
_DEMONSTRATE = _SEARCH + Reads((config.DemonstrateArguments, config.JudgeArguments), ("objective",))
_TRAIN = Reads(
    (*_ROWS, config.JudgeArguments, config.TrainArguments),
    ("documents", "ledger", "on_policy_rows", "demonstrate_seed", *_IN_PROCESS),
    _PARTS,
    trains=True,
    method="all",
)
_EVALUATE = Reads(
    (*_ROWS, config.JudgeArguments, config.EvaluateArguments, config.AbilityArguments),
    ("documents", "ledger", "server_choices", *_IN_PROCESS, *_ELSEWHERE, *_SERVED, *_TUNED),
    ("dev", "test"),
)
_DOCUMENTS = Reads((config.DocumentArguments,), ("max_passage_words",), ("test",), loads=False, method="")
_QUESTIONS = _DOCUMENTS + Reads(
    (QuestionKeys, config.EngineArguments, config.JudgeArguments), ("demonstrate_seed",), method=""
)
_OPERATING = Reads(
    (config.OperatingPointArguments,), ("dev_questions", "held_out_share", "served", *_TUNED), loads=False
)

READS: dict[str, Reads] = {
    "documents": _DOCUMENTS,
    "questions": _QUESTIONS,
    "plan": _QUESTIONS + _DEMONSTRATE + _TRAIN + _EVALUATE + Reads((command_keys.PlanArguments,)),
    "prompts": _SEARCH,
    "demonstrate": _DEMONSTRATE,
    "preflight": _TRAIN,
    "train": _TRAIN,
    "rounds": _DEMONSTRATE + _TRAIN,
    "evaluate": _EVALUATE,
    "operating_point": _OPERATING,
    "gate": Reads(_ROWS, _TUNED, ("dev",)),
    "run": _QUESTIONS + _DEMONSTRATE + _TRAIN + _OPERATING + _EVALUATE,
    "export": Reads(
        (*_ROWS, command_keys.ExportArguments), ("evaluate_modes", "evaluate_judge", *_TUNED), ("test",), loads=False
    ),
    "push": Reads(
        (*_ROWS, command_keys.PushArguments),
        ("variant", "hub_token", "hub_private_repo", "hub_model_id"),
        _PARTS,
        loads=False,
    ),
    "merge": Reads((*_ROWS, command_keys.MergeArguments), ("documents", *_IN_PROCESS, *_TUNED), ("test",)),
    "score": Reads(
        (command_keys.ScoreArguments, config.JudgeArguments, config.EngineArguments),
        (
            "evaluate_judge",
            "demonstrate_seed",
            "test_split",
            "preset",
            "columns",
            "list_separator",
            "dataset_config",
            "dataset_revision",
        ),
        method="",
    ),
    "ask": Reads((command_keys.AskArguments,), ("evaluate_modes", *_SEARCHED, *_IN_PROCESS, *_SERVED, *_TUNED)),
    "app": Reads((command_keys.AppArguments,), (*_SEARCHED, *_IN_PROCESS, *_SERVED, *_TUNED)),
    "ledger": Reads(keys=("ledger",), loads=False, method=""),
}
"""For each command with a recipe, the options that it reads."""

NAMELESS = {"ask": "question", "score": "predictions"}
"""The option of a command whose value may stand alone, as its first or last argument."""
