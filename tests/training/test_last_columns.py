"""What is scored in the last columns is what would be scored there in all of them."""

import copy

import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from trl.trainer.utils import add_fused_lm_head

from hf_selfdemo.generation.padding import left_pad, positions
from hf_selfdemo.training.last_columns import last_columns


@pytest.fixture
def batch():
    ids, attention = left_pad([list(range(10, 40)), list(range(50, 72))], 0)
    scored = torch.zeros_like(ids)
    scored[0, -3:] = scored[1, -5:] = 1
    return {"input_ids": ids, "attention_mask": attention, "position_ids": positions(attention), "scored": scored}


def score(model, batch):
    """As TRL does it: labels are made of what the batch holds."""
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
    labels = batch["input_ids"].masked_fill(batch["scored"] == 0, -100)
    model.zero_grad()
    log_probs = model(**inputs, labels=labels, fused_lm_head=True).log_probs
    log_probs.sum().backward()
    return log_probs.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("lora", [False, True], ids=["plain", "lora"])
@pytest.mark.parametrize("checkpointing", [False, True], ids=["", "checkpointing"])
def test_fewer_columns_give_the_same_figures_and_gradients(model, batch, lora, checkpointing):
    add_fused_lm_head(model)
    if checkpointing:
        model.train().gradient_checkpointing_enable()
        model.enable_input_require_grads()
    asked = get_peft_model(model, LoraConfig(target_modules="all-linear", init_lora_weights=False)) if lora else model
    whole, gradients = score(asked, batch)
    with last_columns([asked], batch, "scored") as narrow:
        figures, others = score(asked, narrow)
    assert whole.shape == (2, 29) and figures.shape == (2, 5)
    torch.testing.assert_close(figures, whole[:, -5:])
    assert len(gradients) == len(others) > 4 and (whole != 0).sum() == 8
    for one, other in zip(gradients, others, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_several_models_are_asked_within_and_all_columns_again_after(model, batch):
    models = [model, copy.deepcopy(model)]
    for each in models:
        add_fused_lm_head(each)
    with last_columns(models, batch, "scored") as narrow:
        assert [score(each, narrow)[0].shape for each in models] == [(2, 5), (2, 5)]
    assert [score(each, batch)[0].shape for each in models] == [(2, 29), (2, 29)]


def test_experts_are_balanced_over_all_tokens(tokenizer, batch):
    from transformers import MixtralConfig, MixtralForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_local_experts": 4}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    model = MixtralForCausalLM(MixtralConfig(vocab_size=80, **sizes, **heads))
    add_fused_lm_head(model)

    def balance(batch):
        inputs = {name: value for name, value in batch.items() if name != "scored"}
        ids = inputs["input_ids"]
        return model(**inputs, labels=ids, fused_lm_head=True, output_router_logits=True).aux_loss.item()

    whole = balance(batch)
    with last_columns([model], batch, "scored") as narrow:
        assert narrow["input_ids"].shape == (2, 6)
        assert balance(narrow) == pytest.approx(whole, rel=1e-6)


def test_virtual_tokens_leave_the_batch_whole(model, batch):
    asked = get_peft_model(model, PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"))
    with last_columns([asked], batch, "scored") as narrow:
        assert narrow is batch
