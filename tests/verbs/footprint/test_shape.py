"""Sizes read off a configuration are those of the network itself."""

import pytest
from peft import get_peft_model
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen2Config, ViTConfig

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.verbs.footprint.shape import model_shape


def test_parameters_are_those_of_the_network(config, lora):
    network = AutoModelForCausalLM.from_config(config)
    assert model_shape(config).parameters == model_shape(config).trainable == network.num_parameters()
    tuned = get_peft_model(network, lora())
    trainable, _ = tuned.get_nb_trainable_parameters()
    shape = model_shape(config, lora())
    assert shape.trainable == trainable > 0
    assert shape.parameters == model_shape(config).parameters, "adapters are counted apart"


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (LlamaConfig(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
                     num_key_value_heads=3, vocab_size=49152, tie_word_embeddings=True), 134_515_008),
        (Qwen2Config(hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
                     num_key_value_heads=2, vocab_size=151936, tie_word_embeddings=True), 494_032_768),
        (LlamaConfig(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
                     num_key_value_heads=8, vocab_size=128256), 8_030_261_248),
    ],
    ids=["SmolLM2-135M", "Qwen2.5-0.5B", "Llama-3-8B"],
)  # fmt: skip
def test_published_models_are_counted_without_memory_for_them(config, parameters):
    assert model_shape(config).parameters == parameters


def test_gradients_pass_from_the_first_trained_layer_on(config, lora):
    upper = model_shape(config, lora(r".*layers\.[23]\..*_proj"))
    assert (upper.layers, upper.trained_layers) == (4, 2)
    assert upper.trainable * 2 == model_shape(config, lora()).trainable
    assert upper.own_inputs == 2 * (6 * 64 + 160) and upper.inputs == 2 * (2 * 64 + 160)


def test_other_kinds_of_decoder_have_the_same_sizes(lora):
    from transformers.pytorch_utils import Conv1D

    config = GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=100)
    network = AutoModelForCausalLM.from_config(config)
    shape = model_shape(config, lora(["c_attn"]))
    assert (shape.hidden, shape.feed_forward, shape.query, shape.key_value) == (32, 128, 32, 32)
    assert shape.linear == sum(m.weight.numel() for m in network.modules() if isinstance(m, Conv1D)) > 0
    assert shape.own_inputs == 2 * 32


def test_what_cannot_be_built_is_one_line(config, lora):
    with pytest.raises(UserError, match="'vit' is not a causal language model"):
        model_shape(ViTConfig())
    with pytest.raises(UserError, match=r"these adapters cannot be added to the model .*fix lora_target_modules"):
        model_shape(config, lora(["nowhere"]))
