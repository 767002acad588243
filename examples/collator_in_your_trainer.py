"""The collator alone, in transformers' own `Trainer`: for a training loop that you already have.

    python examples/collator_in_your_trainer.py runs/quickstart/demonstrations/train.parquet

All weights are trained here, to keep it short.
"""

import argparse
from collections.abc import Callable
from typing import Any

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments

from hf_selfdemo import SelfDemoDataCollator


class TellEpoch(TrainerCallback):
    """Every epoch shows a row from another side, so the collator wants to know which one it is."""

    def __init__(self, collator: SelfDemoDataCollator) -> None:
        self.collator = collator

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.collator.epoch = int(state.epoch)


def only_what_models_take(collator: SelfDemoDataCollator) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """Batches without `ids` and `kinds`, which name the rows and say what each of them trains."""

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch = collator(rows)
        return {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids", "labels")}

    return collate


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Demonstrations in transformers' own Trainer.")
    parser.add_argument("demonstrations", help="train.parquet of a run")
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    parser.add_argument("--output_dir", default="runs/your_trainer")
    parser.add_argument("--max_steps", type=int, default=75)
    asked = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    collator = SelfDemoDataCollator(tokenizer, max_length=1024, passage_order="shuffled", passage_dropout=0.1)
    trainer = Trainer(
        AutoModelForCausalLM.from_pretrained(asked.model),
        TrainingArguments(
            asked.output_dir,
            max_steps=asked.max_steps,
            per_device_train_batch_size=4,
            learning_rate=5e-5,
            logging_steps=5,
            report_to="none",
            remove_unused_columns=False,  # or the Trainer drops question and passages, which no model knows
        ),
        train_dataset=Dataset.from_parquet(asked.demonstrations),
        data_collator=only_what_models_take(collator),
        callbacks=[TellEpoch(collator)],
    )
    trainer.train()
    trainer.save_model()
    tokenizer.save_pretrained(asked.output_dir)
