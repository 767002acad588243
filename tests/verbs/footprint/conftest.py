"""A small decoder of today's kind: grouped queries, a gated MLP, tied embeddings."""

import pytest
from transformers import LlamaConfig


@pytest.fixture
def config():
    return LlamaConfig(
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=500,
        tie_word_embeddings=True,
    )


@pytest.fixture
def lora():
    """Makes LoRA configurations."""
    from peft import LoraConfig

    def make(targets="all-linear", dropout=0.0):
        return LoraConfig(r=2, target_modules=targets, lora_dropout=dropout, task_type="CAUSAL_LM")

    return make
