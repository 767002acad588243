"""Pairs of demonstrations in TRL's own `DPOTrainer`: `to_trl` gives it `prompt`, `chosen` and `rejected`.

    python examples/stock_dpo.py runs/quickstart/demonstrations/train.parquet

A pushed dataset has these columns already: `load_dataset("someone/demonstrations", "preference", split="train")`.
"""

import argparse

from datasets import Dataset
from peft import LoraConfig
from trl import DPOConfig, DPOTrainer

from hf_selfdemo.training.trl_columns import to_trl

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pairs of demonstrations in TRL's own DPOTrainer.")
    parser.add_argument("demonstrations", help="train.parquet of a run")
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    parser.add_argument("--output_dir", default="runs/stock_dpo")
    parser.add_argument("--max_steps", type=int, default=75)
    asked = parser.parse_args()

    trainer = DPOTrainer(
        asked.model,
        args=DPOConfig(
            asked.output_dir,
            max_steps=asked.max_steps,
            loss_type=["sigmoid", "sft"],  # DPO alone makes the preferred texts less likely, too
            per_device_train_batch_size=4,
            learning_rate=5e-5,
            logging_steps=5,
            bf16=False,  # set it on a GPU, which is what TRL expects to find
            report_to="none",
            max_length=None,  # TRL cuts at 1,024 tokens, and a pair that is cut has lost what it compares
        ),
        train_dataset=to_trl(Dataset.from_parquet(asked.demonstrations), preference=True),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"),
    )
    trainer.train()
    trainer.save_model()
