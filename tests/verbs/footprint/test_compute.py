"""Operations that were counted are those that torch makes."""

import pytest
import torch
from peft import get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM

from hf_selfdemo.verbs.footprint.compute import forward_flops, hours, training_flops
from hf_selfdemo.verbs.footprint.shape import model_shape

ROWS, TOKENS, SCORED = 2, 120, 7


def made_by(network, backward):
    ids = torch.randint(0, 500, (ROWS, TOKENS))
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        logits = network(input_ids=ids, use_cache=False, logits_to_keep=SCORED).logits
        if backward:
            logits.sum().backward()
    return counter.get_total_flops()


def test_forward(config):
    with torch.no_grad():
        made = made_by(AutoModelForCausalLM.from_config(config), backward=False)
    assert forward_flops(model_shape(config), ROWS * TOKENS, TOKENS, ROWS * SCORED) == pytest.approx(made, rel=0.01)


@pytest.mark.parametrize("targets", [None, "all-linear", r".*layers\.[23]\..*_proj"])
def test_training_of_all_of_adapters_and_of_the_upper_layers(config, lora, targets):
    network = AutoModelForCausalLM.from_config(config)
    if targets:
        network = get_peft_model(network, lora(targets))
    made = made_by(network.train(), backward=True)
    shape = model_shape(config, lora(targets) if targets else None)
    assert training_flops(shape, ROWS * TOKENS, TOKENS, ROWS * SCORED) == pytest.approx(made, rel=0.03)


def test_checkpointing_makes_the_forward_pass_twice(config, lora):
    shape = model_shape(config, lora())
    forward = forward_flops(shape, 100, 50, 3)
    once, twice = (training_flops(shape, 100, 50, 3, checkpointing) for checkpointing in (False, True))
    assert twice - once == pytest.approx(forward)


def test_hours_grow_with_work_and_shrink_with_the_device():
    assert hours(312e12 * 3600, tflops=312, utilisation=1.0) == pytest.approx(1.0)
    assert hours(312e12 * 3600, tflops=312, utilisation=0.25) == pytest.approx(4.0)
