"""Self-distillation in TRL's own `SDFTTrainer`: the model learns from itself, told the answer (arXiv 2601.19897).

    python examples/stock_sdft.py runs/quickstart/demonstrations/train.parquet
    hf-selfdemo evaluate --config quickstart/self_demo --adapters tuned=runs/stock_sdft --output_dir runs/sdft

The model replies to each prompt, and each token of its reply is drawn towards what the same model would write if it
were told the gold answer, or that no passage contains it. The trainer is experimental in TRL, and may change.
"""

import argparse

from datasets import Dataset
from peft import LoraConfig
from trl.experimental.sdft import SDFTConfig, SDFTTrainer

from hf_selfdemo import to_prompts


def privileged(row):
    """What the teacher is told besides."""
    if row["answer_in_context"]:
        return {"privileged_context": f"The correct answer is: {row['answers'][0]}"}
    return {"privileged_context": "No passage contains the answer. The correct reply is that you do not know."}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Self-distillation in TRL's own SDFTTrainer.")
    parser.add_argument("demonstrations", help="train.parquet of a run")
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    parser.add_argument("--output_dir", default="runs/stock_sdft")
    parser.add_argument("--max_steps", type=int, default=75)
    parser.add_argument("--learning_rate", type=float, default=2e-4)
    parser.add_argument("--target_modules", default="all-linear", help="of the adapter: a pattern, or all-linear")
    asked = parser.parse_args()

    trainer = SDFTTrainer(
        asked.model,
        SDFTConfig(
            asked.output_dir,
            max_steps=asked.max_steps,
            per_device_train_batch_size=4,
            learning_rate=asked.learning_rate,
            logging_steps=5,
            bf16=False,  # set it on a GPU, which is what TRL expects to find
            gradient_checkpointing=False,
            report_to="none",
            num_generations=1,
            max_prompt_length=None,  # TRL cuts at 512 tokens
            max_completion_length=32,
        ),
        train_dataset=to_prompts(Dataset.from_parquet(asked.demonstrations)).map(privileged),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=asked.target_modules),
    )
    trainer.train()
    trainer.save_model()
