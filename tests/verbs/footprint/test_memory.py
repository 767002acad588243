"""Bytes that were counted are those that torch keeps."""

import pytest
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM

from hf_selfdemo.verbs.footprint.memory import Precision, cache_bytes, training_memory, weight_bytes, writing_memory
from hf_selfdemo.verbs.footprint.shape import model_shape

ROWS, TOKENS = 3, 100


def network_of(config, peft_config, dtype, checkpointing=False):
    network = AutoModelForCausalLM.from_config(config).to(dtype)
    if peft_config is not None:
        network = get_peft_model(network, peft_config)
    if checkpointing:
        network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        network.enable_input_require_grads()
    return network.train()


def kept_by(network, autocast):
    """Bytes of what a forward pass keeps for the backward pass, weights left out."""
    ids, mask = torch.randint(0, 500, (ROWS, TOKENS)), torch.ones(ROWS, TOKENS, dtype=torch.long)
    mask[0, :10] = 0  # some padding, as in any batch
    weights = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    found, alive = {}, []

    def pack(tensor):
        storage = tensor.untyped_storage()
        # under autocast torch keeps the cast weights too, which are no activations: their first size is no row's
        if storage.data_ptr() not in weights and tensor.shape[:1] in ((ROWS,), (ROWS * TOKENS,)):
            found[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)  # or its place would be given to the next
        return tensor

    saving = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with saving, torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        network(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=1)
    return sum(found.values())


@pytest.mark.parametrize(
    ("dtype", "autocast", "adapters"),
    [
        (torch.float32, False, True),
        (torch.float32, False, False),
        (torch.float32, True, True),
        (torch.float32, True, False),
        (torch.bfloat16, True, True),
        (torch.bfloat16, False, True),
        (torch.bfloat16, True, False),
    ],
    ids=lambda value: str(value).removeprefix("torch."),
)
def test_activations_are_what_autograd_keeps(config, lora, dtype, autocast, adapters):
    peft_config = lora() if adapters else None
    precision = Precision(dtype.itemsize, None, autocast)
    memory = training_memory(model_shape(config, peft_config), precision, ROWS, TOKENS, scored=1)
    passing = ROWS * TOKENS * 4 * config.intermediate_size * precision.computed  # of the backward pass itself
    kept = kept_by(network_of(config, peft_config, dtype), autocast)
    assert memory["activations"] - passing == pytest.approx(kept, rel=0.06)


def test_only_layers_that_a_gradient_passes_keep_anything(config, lora):
    upper = lora(r".*layers\.[23]\..*_proj")
    memory = training_memory(model_shape(config, upper), Precision(), ROWS, TOKENS, scored=1)
    passing = ROWS * TOKENS * 4 * config.intermediate_size * 4
    assert memory["activations"] - passing == pytest.approx(
        kept_by(network_of(config, upper, torch.float32), False), rel=0.06
    )


def test_checkpointing_keeps_each_layers_input_and_one_layer(config, lora):
    shape = model_shape(config, lora())
    whole = training_memory(shape, Precision(2, None, True), ROWS, TOKENS, scored=1)["activations"]
    checked = training_memory(shape, Precision(2, None, True), ROWS, TOKENS, scored=1, checkpointing=True)
    inputs = ROWS * TOKENS * config.hidden_size * 2 * config.num_hidden_layers
    passing = ROWS * TOKENS * 4 * config.intermediate_size * 2
    assert checked["activations"] == pytest.approx((whole - passing) / config.num_hidden_layers + passing + inputs)
    kept = kept_by(network_of(config, lora(), torch.bfloat16, checkpointing=True), autocast=True)
    assert inputs <= kept < inputs * 1.6, "the final norm, in float32, is there besides"


@pytest.mark.parametrize("adapters", [True, False])
def test_gradients_and_adamw_have_three_numbers_for_each_trained_one(config, lora, adapters):
    peft_config = lora() if adapters else None
    network = network_of(config, peft_config, torch.bfloat16)
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    network(input_ids=torch.randint(0, 500, (2, 8))).logits.float().sum().backward()
    optimizer.step()
    states = [value for state in optimizer.state.values() for value in state.values() if value.ndim]
    bytes_there = sum(t.nbytes for t in states) + sum(w.grad.nbytes for w in trained)
    memory = training_memory(model_shape(config, peft_config), Precision(2, None, True), 1, 1, 1)
    assert memory["gradients_and_optimizer"] == bytes_there
    assert memory["weights"] == sum(weight.nbytes for weight in network.parameters())


def test_quantised_weights_are_the_linear_ones_alone(config):
    shape = model_shape(config)
    whole, four = weight_bytes(shape, Precision(2)), weight_bytes(shape, Precision(2, 0.5))
    assert whole - four == shape.linear * 1.5
    assert four > shape.parameters * 0.5, "embeddings and norms stay as they are"


def test_dropout_and_a_reference_cost_what_they_add(config, lora):
    precision = Precision(2, None, True)
    dry = training_memory(model_shape(config, lora()), precision, ROWS, TOKENS, scored=5)
    wet = training_memory(model_shape(config, lora(dropout=0.1)), precision, ROWS, TOKENS, scored=5)
    masks = ROWS * TOKENS * model_shape(config, lora()).own_inputs
    assert wet["activations"] - dry["activations"] == masks
    full = model_shape(config)
    one, two = (training_memory(full, precision, ROWS, TOKENS, 5, copies=copies) for copies in (1, 2))
    assert two["weights"] == 2 * one["weights"] and two["activations"] == one["activations"]
    assert one["logits"] == ROWS * 5 * 500 * 16


def test_the_cache_is_as_large_as_transformers_makes_it(config):
    from transformers import DynamicCache

    network, cache = network_of(config, None, torch.bfloat16).eval(), DynamicCache(config=config)
    with torch.inference_mode():
        network(input_ids=torch.randint(0, 500, (ROWS, TOKENS)), past_key_values=cache)
    there = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    shape = model_shape(config)
    assert ROWS * TOKENS * cache_bytes(shape, 2) == there
    memory = writing_memory(shape, 2, ROWS, prompt=90, written=10, copies=2, held=1e6)
    assert memory["cache"] == there + 1e6 and memory["weights"] == 2 * 2 * shape.parameters
