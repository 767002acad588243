"""Reinforcement learning in TRL's own `GRPOTrainer`, with a reward that says when abstaining is worth it.

    python examples/stock_grpo.py runs/quickstart/demonstrations/train.parquet --adapter runs/quickstart/model

`to_prompts` gives it `prompt` and the columns that `AbstentionReward` judges replies by. Start from an adapter that has
learnt to answer and to abstain: a group of replies teaches only where some get another reward than others.
"""

import argparse

from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM
from trl import GRPOConfig, GRPOTrainer

from hf_selfdemo import AbstentionReward, AnswerMatchJudge, to_prompts

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="GRPO with a reward for abstaining in TRL's own GRPOTrainer.")
    parser.add_argument("demonstrations", help="train.parquet of a run")
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    parser.add_argument("--adapter", help="folder of an adapter to train further")
    parser.add_argument("--output_dir", default="runs/stock_grpo")
    parser.add_argument("--max_steps", type=int, default=20)
    asked = parser.parse_args()

    model, peft_config = asked.model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear")
    if asked.adapter:
        model, peft_config = AutoModelForCausalLM.from_pretrained(asked.model, dtype="float32"), None
        model = PeftModel.from_pretrained(model, asked.adapter, is_trainable=True)
    trainer = GRPOTrainer(
        model,
        reward_funcs=AbstentionReward(AnswerMatchJudge(), abstain_value=0.5),
        args=GRPOConfig(
            asked.output_dir,
            max_steps=asked.max_steps,
            per_device_train_batch_size=16,
            num_generations=8,
            max_completion_length=32,
            learning_rate=2e-5,
            logging_steps=1,
            bf16=False,  # set it on a GPU, which is what TRL expects to find
            gradient_checkpointing=False,
            report_to="none",
        ),
        train_dataset=to_prompts(Dataset.from_parquet(asked.demonstrations)),
        peft_config=peft_config,
    )
    trainer.train()
    trainer.save_model()
