"""Under autocast adapters take what comes in as it is: a cast to float32 and back changes nothing and costs time."""

import copy
from contextlib import nullcontext

import pytest
import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM

from hf_selfdemo.training import base
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer

PASSAGE = {"id": "p", "title": "Germanium", "text": "Clemens Winkler discovered it. " * 20, "score": 1.0}


def trained(model, tokenizer, folder, **keys):
    """Losses, adapter weights and the dtypes that came into an adapter."""
    rows = [
        {
            "id": f"q{i}",
            "question": f"Who discovered element {i}?",
            "passages": [PASSAGE],
            "response": f"Winkler {i}.",
            "outcome": "answer",
        }
        for i in range(4)
    ]
    args = SelfDemoConfig(
        str(folder), bf16=True, use_cpu=True, per_device_train_batch_size=2, max_steps=4, logging_steps=1, **keys
    )
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    made = SelfDemoTrainer(model, args, rows, tokenizer, peft_config=lora)
    seen = set()
    for name, module in made.model.named_modules():
        if name.endswith("lora_A.default"):
            module.register_forward_pre_hook(lambda module, given: seen.add(given[0].dtype))
    made.train()
    losses = [line["loss"] for line in made.state.log_history if "loss" in line]
    return losses, {name: weight for name, weight in made.model.named_parameters() if weight.requires_grad}, seen


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_losses_and_weights_are_those_of_casting_there_and_back(
    model_folder, tokenizer, tmp_path, monkeypatch, dtype, checkpointing
):
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=dtype)
    keys = {"gradient_checkpointing": checkpointing}
    losses, weights, seen = trained(copy.deepcopy(model), tokenizer, tmp_path / "one", **keys)
    monkeypatch.setattr(base, "disable_input_dtype_casting", lambda model: nullcontext())
    usual, others, cast = trained(model, tokenizer, tmp_path / "two", **keys)
    assert cast == {torch.float32}
    assert (torch.bfloat16 in seen) == (not checkpointing)
    assert losses == pytest.approx(usual, rel=1e-3)
    for name, weight in weights.items():
        torch.testing.assert_close(weight, others[name], rtol=1e-2, atol=1e-4)
    assert all(weight.dtype == torch.float32 for weight in weights.values())
