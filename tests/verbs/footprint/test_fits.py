"""What a recipe takes: the replies that are written in training count, too."""

import pytest
from trl import get_peft_config

from hf_selfdemo.verbs.cli import parse
from hf_selfdemo.verbs.footprint.fits import Lengths, recipe_hours, recipe_memory
from hf_selfdemo.verbs.footprint.memory import cache_bytes
from hf_selfdemo.verbs.footprint.shape import model_shape

LENGTHS = Lengths("4 characters a token", 4.0, prompt=580.1, longest_prompt=810, longest_request=806, reply=32)
MORE = [
    "--test_questions",
    "nowhere.jsonl",
    "--device_tflops=1",
    "--num_train_epochs=1",
    "--per_device_train_batch_size=4",
]


def planned(config, *flags):
    recipe = parse(["--output_dir=x", *MORE, *flags])
    shape = model_shape(config, get_peft_config(recipe.model))
    return (
        recipe_memory(recipe, shape, LENGTHS, 0)["train"],
        recipe_hours(recipe, shape, LENGTHS, 10, None)["train"],
        shape,
    )


def test_replies_of_a_training_by_rewards_are_written_at_once_and_read_again(config):
    grpo = ["--objective=grpo", "--num_generations=4", "--max_completion_length=16"]
    few, hours, _ = planned(config, *grpo)
    many, _, shape = planned(config, *grpo, "--gradient_accumulation_steps=4000")
    assert "cache" not in few, "a step takes more than writing four replies"
    assert many["cache"] == 16_000 * (810 + 16) * cache_bytes(shape, 4)
    _, supervised, _ = planned(config)
    assert hours > 4 * supervised, "four replies to a prompt, and each is written first"


def test_training_by_rewards_takes_as_many_rows_as_a_batch_has(config):
    grpo, _, _ = planned(config, "--objective=grpo", "--num_generations=4", "--max_completion_length=32")
    sft, _, _ = planned(config)
    assert grpo["logits"] == pytest.approx(sft["logits"]) and grpo["activations"] == pytest.approx(sft["activations"])
