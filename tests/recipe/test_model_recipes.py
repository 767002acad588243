"""The recipes for other models fit the cards that they name, by the sizes of these models; no weights are needed."""

import re
from pathlib import Path

import pytest
import yaml
from transformers import LlamaConfig, Qwen2Config
from trl import get_peft_config

from hf_selfdemo.verbs.cli import parse
from hf_selfdemo.verbs.footprint.fits import Lengths, recipe_memory
from hf_selfdemo.verbs.footprint.shape import model_shape

FOLDER = Path(__file__).parents[2] / "recipes" / "models"
LENGTHS = Lengths("4 characters a token", 4.0, prompt=580.1, longest_prompt=810, longest_request=806, reply=32)
"""What `plan` finds in the questions and passages that the recipes name."""

ROOM = 0.75
"""The share of a card that may be planned for: libraries and fragmentation take some, and lengths are estimates."""

SIZES = {
    "smollm2-360m": (LlamaConfig, 960, 2560, 32, 15, 5, 49152),
    "smollm2-1.7b": (LlamaConfig, 2048, 8192, 24, 32, 32, 49152),
    "qwen2.5-0.5b": (Qwen2Config, 896, 4864, 24, 14, 2, 151936),
    "qwen2.5-1.5b": (Qwen2Config, 1536, 8960, 28, 12, 2, 151936),
    "qwen2.5-7b": (Qwen2Config, 3584, 18944, 28, 28, 4, 152064),
    "llama-3.2-1b": (LlamaConfig, 2048, 8192, 16, 32, 8, 128256),
    "llama-3-8b": (LlamaConfig, 4096, 14336, 32, 32, 8, 128256),
}
"""Of each model: residual stream, MLP, layers, query heads, key heads and vocabulary."""

UNTIED = {"qwen2.5-7b", "llama-3-8b"}
FREE = {
    *("output_dir", "model_name_or_path", "generation_batch_size", "device_memory_gb", "device_tflops"),
    *("gradient_checkpointing", "per_device_train_batch_size", "gradient_accumulation_steps"),
}
"""Keys in which the recipes may differ."""


def config_of(name):
    kind, hidden, width, layers, heads, groups, vocabulary = SIZES[name]
    return kind(
        hidden_size=hidden,
        intermediate_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        vocab_size=vocabulary,
        tie_word_embeddings=name not in UNTIED,
    )


def test_every_recipe_is_looked_at():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == SIZES.keys()


@pytest.mark.parametrize("name", SIZES)
def test_it_fits_the_card_that_its_head_names_and_needs_what_its_head_says(name):
    path = FOLDER / f"{name}.yaml"
    recipe = parse(["--config", str(path)])
    head = " ".join(line[2:] for line in path.read_text().splitlines() if line.startswith("# "))
    shape = model_shape(config_of(name), get_peft_config(recipe.model))
    memory = recipe_memory(recipe, shape, LENGTHS, candidates=5)
    sizes = {verb: sum(parts.values()) / 1e9 for verb, parts in memory.items()}
    [card] = re.findall(r"for a card of (\d+) GB", head)
    assert recipe.plan.device_memory_gb == int(card)
    assert max(sizes.values()) <= ROOM * int(card), sizes
    told = {verb: float(size) for verb, size in re.findall(r"(demonstrate|train|evaluate) ([\d.]+) GB", head)}
    assert told == pytest.approx(sizes, abs=0.051)


@pytest.mark.parametrize("name", SIZES)
def test_it_names_that_model(name):
    recipe = parse(["--config", str(FOLDER / f"{name}.yaml")])
    assert recipe.model_name.rpartition("/")[2].lower().startswith(name.replace("llama-3-8b", "meta-llama-3-8b"))
    billions = model_shape(config_of(name)).parameters / 1e9
    assert float(re.findall(r"([\d.]+)[bm]$", name)[0]) == pytest.approx(
        billions * (1000 if name.endswith("m") else 1), rel=0.25
    )


def test_only_what_depends_on_the_card_differs_and_a_step_has_as_many_rows():
    recipes = [yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in SIZES]
    same = [{key: value for key, value in recipe.items() if key not in FREE} for recipe in recipes]
    assert all(one == same[0] for one in same) and len(same[0]) > 30
    rows = {r["per_device_train_batch_size"] * r["gradient_accumulation_steps"] for r in recipes}
    assert rows == {16}
