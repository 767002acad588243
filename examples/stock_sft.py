"""Demonstrations in TRL's own `SFTTrainer`: `to_trl` gives it `prompt` and `completion`, and that is all.

    python examples/stock_sft.py runs/quickstart/demonstrations/train.parquet

A pushed dataset has these columns already: `load_dataset("someone/demonstrations", split="train")`.
"""

import argparse

from datasets import Dataset
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

from hf_selfdemo.training.trl_columns import to_trl

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Demonstrations in TRL's own SFTTrainer.")
    parser.add_argument("demonstrations", help="train.parquet of a run")
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    parser.add_argument("--output_dir", default="runs/stock_sft")
    parser.add_argument("--max_steps", type=int, default=75)
    asked = parser.parse_args()

    trainer = SFTTrainer(
        asked.model,
        SFTConfig(
            asked.output_dir,
            max_steps=asked.max_steps,
            per_device_train_batch_size=4,
            learning_rate=2e-4,
            logging_steps=5,
            bf16=False,  # set it on a GPU, which is what TRL expects to find
            report_to="none",
            max_length=None,  # TRL cuts at 1,024 tokens, and a row that is cut has lost its answer
        ),
        train_dataset=to_trl(Dataset.from_parquet(asked.demonstrations)),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"),
    )
    trainer.train()
    trainer.save_model()
