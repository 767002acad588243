"""Training a retriever on ranked lists: a LoRA adapter for the model's own representations."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from datasets import Dataset
from peft import PeftConfig, TaskType, get_peft_model
from transformers import Trainer, TrainingArguments, set_seed

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import defaults
from hf_selfdemo.core.manifest import fingerprint
from hf_selfdemo.core.types import Passage
from hf_selfdemo.data.retrieval.encoder import title_and_text
from hf_selfdemo.generation.padding import PAD, right_pad
from hf_selfdemo.generation.representations import Reading, Representations, body_of, last_states
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.training.arguments import UNHEEDED, RunArguments
from hf_selfdemo.training.checkpoints import check_settings, forget_machine, last_checkpoint, mark_complete
from hf_selfdemo.training.decisive import decisive_keys
from hf_selfdemo.training.ranking_loss import RankedBatch, contrast, invariance, preference
from hf_selfdemo.training.row_kinds import row_kind

_UNHEEDED: dict[str, tuple[Any, ...]] = {
    "do_eval": (False,),
    "eval_strategy": ("no",),
    "eval_on_start": (False,),
    "label_smoothing_factor": (0.0,),
    "load_best_model_at_end": (False,),
    "metric_for_best_model": (None,),
    "train_sampling_strategy": ("random",),
}
"""Further options without effect, as in `arguments.UNHEEDED`: retriever training has no evaluation."""


@dataclass
class RetrieverConfig(RunArguments, TrainingArguments):  # type: ignore[misc]  # other defaults
    """transformers' `TrainingArguments` with the weights of the loss terms and the maximum text length.

    `learning_rate` is 1e-4, `preference_weight` 1.0 and `invariance_weight` 0.5, the values that secondary sources
    report for Invar-RAG. A term with weight 0 is not computed, and texts that only it needs are not encoded.
    """

    unheeded: ClassVar[Mapping[str, tuple[Any, ...]]] = UNHEEDED | _UNHEEDED

    learning_rate: float = field(default=1e-4, metadata={"help": "peak learning rate"})
    logging_steps: float = field(default=10, metadata={"help": "steps between two log lines"})
    trust_remote_code: bool = field(default=False, metadata={"help": "run code from the model's repository"})
    max_length: int = field(
        default=256, metadata={"help": "longest question or passage in tokens; the rest is truncated"}
    )
    similarity_temperature: float = field(
        default=0.05, metadata={"help": "temperature of the similarities that rank passages"}
    )
    preference_weight: float = field(
        default=1.0,
        metadata={
            "help": "weight of agreeing with the model on the passages that make the answer likely",
        },
    )
    preference_temperature: float = field(
        default=1.0, metadata={"help": "temperature of these likelihoods, in nats per token"}
    )
    invariance_weight: float = field(
        default=0.5,
        metadata={"help": "weight of ranking alike for rewritten questions and halved passages"},
    )


@dataclass(frozen=True)
class RankedCollator:
    """Encodes rows with ranked lists as token ids.

    Args:
        representations: the encoder whose tokenizer and prompts are used.
        forms: whether paraphrases of questions and windows of passages are encoded too.

    Returns:
        `questions` and `passages`, each a pair of ids and mask, (texts, tokens), int64; `forms` and `windows` likewise,
        or None; `sizes`, `form_of`, `likelihoods` and `excluded` as in `RankedBatch`; `ids`, the ids of the rows.
    """

    representations: Representations
    forms: bool = True

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        lists = [[Passage(p["id"], p["text"], p["title"] or "") for p in row["passages"]] for row in rows]
        likelihoods = [row["ranking"]["likelihoods"] or [] for row in rows]
        forms = [row["ranking"]["questions"] for row in rows]
        windows = [
            replace(passage, text=text)
            for row, passages in zip(rows, lists, strict=True)
            for passage, text in zip(passages, row["ranking"]["windows"], strict=True)
        ]
        prompts, everything = self.representations.reading, [passage for one in lists for passage in one]
        return {
            "questions": self._padded([row["question"] for row in rows], prompts.question),
            "passages": self._padded(map(title_and_text, everything), prompts.passage),
            "forms": self._padded([form for one in forms for form in one], prompts.question) if self.forms else None,
            "windows": self._padded(map(title_and_text, windows), prompts.passage) if self.forms else None,
            "sizes": [len(one) for one in lists],
            "form_of": torch.tensor([i for i, one in enumerate(forms) for _ in one], dtype=torch.int64),
            "likelihoods": torch.tensor([value for one in likelihoods for value in one]),
            "excluded": torch.tensor([_excluded(row, i, lists) for i, row in enumerate(rows)]),
            "ids": [str(row["id"]) for row in rows],
        }

    def _padded(self, texts: Any, prompt: str) -> tuple[torch.Tensor, torch.Tensor] | None:
        ids = self.representations.token_ids(list(texts), prompt)
        return right_pad(ids, PAD) if ids else None


def _excluded(row: Mapping[str, Any], place: int, lists: Sequence[Sequence[Passage]]) -> list[bool]:
    """Which passages are not negatives of a question: those of other lists that contain its answer."""
    return [
        other != place and holds_answer(passage, row["answers"], row["question"])
        for other, passages in enumerate(lists)
        for passage in passages
    ]


class RetrieverTrainer(Trainer):
    """transformers' `Trainer` for ranked lists, with the loss of `ranking_loss`.

    Args:
        network: a causal language model; its head is not used, and only the adapter is trained.
        args: the training configuration.
        rows: demonstrations of the kind "ranked", as method `invar_rag` makes them.
        tokenizer: the model's tokenizer, with a chat template.
        peft_config: configuration of the adapter, which is initialised with `args.seed`.
        kwargs: other parameters of `Trainer` (`callbacks`, `optimizers`).

    Raises:
        UserError: for rows of another kind, or without the likelihoods that `preference_weight` needs.

    Relations: `representations.with_adapter` loads what `save_model` wrote as an encoder. For lists of equal length the
    first term is sentence-transformers' `MultipleNegativesRankingLoss`, and the second is its `DistillKLDivLoss` with
    the two distributions exchanged.
    """

    def __init__(
        self, network: Any, args: RetrieverConfig, rows: Dataset, tokenizer: Any, peft_config: PeftConfig, **kwargs: Any
    ) -> None:
        check_lists(rows, args)
        set_seed(args.seed)  # for the adapter's initial weights
        own = copy.copy(peft_config)
        own.task_type = TaskType.FEATURE_EXTRACTION  # otherwise it could not be loaded onto a model without head
        body = get_peft_model(body_of(network), own)
        self.reading = Reading(max_length=args.max_length)
        self._settings = decisive_keys(args.to_dict(), defaults(type(args))) | {
            "rows": fingerprint([[row["id"], row["ranking"], row["passages"]] for row in rows]),
            "reading": str(self.reading),
        }
        self._terms: dict[str, list[float]] = defaultdict(list)
        self._tokens = 0
        args.remove_unused_columns = False  # the collator reads the rows as they are
        collator = RankedCollator(Representations(body, tokenizer, self.reading), args.invariance_weight > 0)
        super().__init__(
            model=body, args=args, train_dataset=rows, processing_class=tokenizer, data_collator=collator, **kwargs
        )

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The weighted sum of the terms; the log shows each term by its name."""
        args: Any = self.args
        batch = self._encoded(model, inputs)
        terms = {"contrast": contrast(batch, args.similarity_temperature)}
        loss = terms["contrast"]
        if args.preference_weight:
            terms["preference"] = preference(batch, args.similarity_temperature, args.preference_temperature)
            loss = loss + args.preference_weight * terms["preference"]
        if args.invariance_weight:
            terms["invariance"] = invariance(batch, args.similarity_temperature)
            loss = loss + args.invariance_weight * terms["invariance"]
        if not bool(torch.isfinite(loss)):
            raise UserError(
                f"the loss is {float(loss)} at step {self.state.global_step} on rows {', '.join(inputs['ids'])}",
                "lower learning_rate, or train in bf16 or float32 instead of fp16",
            )
        for name, value in terms.items():
            self._terms[name].append(float(value.detach()))
        return (loss, {}) if return_outputs else loss

    def _encoded(self, model: Any, inputs: Mapping[str, Any]) -> RankedBatch:
        """Encode all texts of a batch as vectors."""
        texts = {
            name: inputs[name] for name in ("questions", "passages", "forms", "windows") if inputs[name] is not None
        }
        self._tokens += sum(int(mask.sum()) for _, mask in texts.values())
        vectors = {name: last_states(model, *padded) for name, padded in texts.items()}
        return RankedBatch(
            vectors["questions"],
            vectors["passages"],
            inputs["sizes"],
            inputs["excluded"],
            inputs["likelihoods"] if len(inputs["likelihoods"]) else None,
            vectors.get("forms"),
            inputs["form_of"],
            vectors.get("windows"),
        )

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log as transformers does, with the mean of each term since the last line and the tokens encoded so far."""
        told = {name: sum(values) / len(values) for name, values in self._terms.items() if "loss" in logs}
        if told:
            self._terms.clear()
        super().log(logs | told | {"num_tokens": float(self._tokens)}, *args, **kwargs)

    def train(self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any) -> Any:
        """Train as in transformers; `True` resumes from the last complete checkpoint, if there is one.

        Raises:
            UserError: if the checkpoint is incomplete or was made with other settings.
        """
        if resume_from_checkpoint is True:
            resume_from_checkpoint = last_checkpoint(str(self.args.output_dir))
        if resume_from_checkpoint:
            check_settings(str(resume_from_checkpoint), self._settings, defaults(type(self.args)))
        return super().train(resume_from_checkpoint or None, *args, **kwargs)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        super()._save(output_dir, state_dict)
        folder = Path(output_dir or str(self.args.output_dir))
        network: Any = self.model
        self.reading.save(folder, network.config.get_text_config().hidden_size)
        forget_machine(folder)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()  # each rank writes its random state
        folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
        if self.args.should_save and folder.exists():  # save_total_limit may have removed it
            forget_machine(folder)
            mark_complete(folder, self._settings, {})


def check_lists(rows: Dataset, args: RetrieverConfig) -> None:
    """Reject rows that a retriever cannot be trained on.

    Raises:
        UserError: naming the first such row.
    """
    if not len(rows):
        raise UserError("the dataset has no ranked lists", "see `skipped` in the manifest for the reasons")
    for row in rows:
        if not row_kind(row).ranks:
            raise UserError(f"row {row['id']!r} is not a ranked list", "demonstrate with method: invar_rag")
        found, wanted = len(row["ranking"]["likelihoods"] or []), len(row["passages"])
        if args.preference_weight and found != wanted:
            raise UserError(
                f"row {row['id']!r} has {found} likelihoods for {wanted} passages, but preference_weight is "
                f"{args.preference_weight:g}",
                "demonstrate with likelihoods: true, or set preference_weight: 0",
            )
