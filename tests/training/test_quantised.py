"""Adapters on 4-bit weights learn what they would learn on whole ones, whatever the model is asked in between."""

import pytest
import torch
from asked_rows import worse
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM, TrainerCallback

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.training.dpo import SelfDemoDPOConfig, SelfDemoDPOTrainer
from hf_selfdemo.training.paused import paused
from hf_selfdemo.training.quantised import check_arrangement, keep_arrangement
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer

bitsandbytes = pytest.importorskip("bitsandbytes", reason="4-bit weights need the qlora extra")

ADAPTER = {"r": 4, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    """Three layers whose widths are multiples of 64, the block in which 4-bit weights are packed."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 2}
    folder = tmp_path_factory.mktemp("wide")
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), initializer_range=0.3, **sizes)).save_pretrained(folder)
    return folder


@pytest.fixture
def four_bits(folder):
    """The model in 4 bits, on a CPU that is taken for one where bitsandbytes rearranges weights."""
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=config)
    layers = linear_layers(model)
    assert len(layers) == 21  # seven in three layers
    for layer in layers:
        layer.support_avx512bf16_for_cpu = True
    return model


@pytest.fixture
def rows(questions):
    passages = [{"id": "p", "title": "", "text": "Nobody knows more.", "score": 1.0}]
    blank = dict.fromkeys(FEATURES) | {"mode": "rag", "outcome": "answer", "passages": passages, "candidates": []}
    texts = [{"id": q.id, "question": q.text, "answers": list(q.answers)} for q in questions[:4]]
    own = [{"response": t["answers"][0], "rejected": worse("No answer.")} for t in texts]
    return Dataset.from_list([blank | text | said for text, said in zip(texts, own, strict=True)], FEATURES)


def test_measuring_before_the_first_step_leaves_every_gradient_what_it_is_over_the_same_weights_in_whole(
    four_bits, rows, tokenizer, tmp_path
):
    whole = dequantised(four_bits)
    ours = first_gradients(four_bits, rows, tokenizer, tmp_path, meter_rows=4)
    theirs = first_gradients(whole, rows, tokenizer, tmp_path, meter_rows=4)
    assert len(ours) == 42 and ours.keys() == theirs.keys()  # lora_A and lora_B
    assert sum(bool(gradient.abs().max() > 0) for gradient in theirs.values()) == 42
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-2, atol=1e-4)


def test_evaluating_and_saving_leave_the_weights_in_their_order(four_bits, rows, tokenizer, tmp_path):
    before = [part.clone() for part in weights_and_scales(four_bits)]
    keys = {"eval_strategy": "steps", "eval_steps": 1, "save_strategy": "steps", "save_steps": 1, "max_dev_tokens": 2}
    run = trainer(four_bits, rows, tokenizer, tmp_path, eval_dataset=rows, max_steps=2, **keys)
    run.train()
    assert sum("eval_loss" in line for line in run.state.log_history) == 2
    assert all(torch.equal(a, b) for a, b in zip(before, weights_and_scales(four_bits), strict=True))


def test_a_pause_without_a_trainer_of_ours_keeps_their_order_too(four_bits):
    with paused(four_bits) as asked:
        assert torch.isfinite(asked(input_ids=torch.arange(9)[None]).logits).all()
    check_arrangement(four_bits)


def test_weights_rearranged_before_are_refused_by_name(four_bits, rows, tokenizer, tmp_path):
    state = linear_layers(four_bits)[0].weight.quant_state
    state.packing_format_for_cpu = True  # what bitsandbytes notes when it has rearranged a weight
    with pytest.raises(UserError, match=r"q_proj\.\S*weight was rearranged .* load the 4-bit model"):
        trainer(four_bits, rows, tokenizer, tmp_path)


def test_a_model_given_by_its_path_is_kept_too(folder, rows, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)
    how = {"quantization_config": BitsAndBytesConfig(load_in_4bit=True), "dtype": "float32"}
    model = trainer(str(folder), rows, tokenizer, tmp_path, model_init_kwargs=how).model
    assert [layer.support_avx512bf16_for_cpu for layer in linear_layers(model)] == [False] * 21
    assert {weight.dtype for weight in model.parameters() if weight.requires_grad} == {torch.float32}


def test_a_layer_that_is_not_kept_loses_its_gradient_on_such_a_cpu(four_bits):
    """Why all this is done; if it fails on such a CPU, bitsandbytes was fixed and `keep_arrangement` can go."""
    if not bitsandbytes.functional.has_avx512bf16():
        pytest.skip("bitsandbytes rearranges 4-bit weights on CPUs with AVX512-BF16 alone")
    kept, other = linear_layers(four_bits)[:2]
    keep_arrangement(kept)
    assert [passes_gradient_once_asked(layer) for layer in (kept, other)] == [True, False]


def test_new_adapters_stay_float32_as_over_whole_weights(four_bits, rows, tokenizer, tmp_path):
    model = trainer(four_bits, rows, tokenizer, tmp_path).model
    assert {weight.dtype for weight in model.parameters() if weight.requires_grad} == {torch.float32}


@pytest.mark.parametrize("objective", ["sft", "dpo"])
def test_an_adapter_trained_further_starts_as_it_was(four_bits, rows, tokenizer, tmp_path, objective):
    torch.manual_seed(1)
    model = get_peft_model(four_bits, LoraConfig(**ADAPTER, init_lora_weights=False))
    given = {name: weight.clone() for name, weight in model.named_parameters() if weight.requires_grad}
    assert any(not torch.equal(weight, weight.bfloat16().float()) for weight in given.values())
    model = trainer(model, rows, tokenizer, tmp_path, objective, peft_config=None).model
    now = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert now.keys() == given.keys() and all(torch.equal(now[name], given[name]) for name in given)


def test_small_updates_reach_adapters(four_bits, rows, tokenizer, tmp_path):
    """In bfloat16 an update of 5.5e-6 rounds to nothing for most weights."""
    model = get_peft_model(four_bits, LoraConfig(**ADAPTER, init_lora_weights=False))
    run = trainer(model, rows, tokenizer, tmp_path, peft_config=None, learning_rate=5.5e-6)
    before = {name: weight.clone() for name, weight in run.model.named_parameters() if "lora_A" in name}
    run.train()
    after = dict(run.model.named_parameters())
    moved = [float((after[name] != weight).float().mean()) for name, weight in before.items()]
    assert len(moved) == 21 and min(moved) > 0.9


def trainer(model, rows, tokenizer, folder, objective="sft", peft_config=LoraConfig(**ADAPTER), **keys):  # noqa: B008
    kind, config = {
        "sft": (SelfDemoTrainer, SelfDemoConfig),
        "dpo": (SelfDemoDPOTrainer, SelfDemoDPOConfig),
    }[objective]
    given = {name: keys.pop(name) for name in ("eval_dataset",) if name in keys}
    keys = {"max_steps": 1, "meter_rows": 0, "per_device_train_batch_size": 4} | keys
    args = config(output_dir=str(folder), use_cpu=True, report_to=[], disable_tqdm=True, **keys)
    return kind(model, args, rows, tokenizer, peft_config=peft_config, **given)


def first_gradients(model, rows, tokenizer, folder, **keys):
    """Gradients of all adapter weights at the first step, from adapters that are the same for every model."""
    run = trainer(model, rows, tokenizer, folder, max_grad_norm=0.0, **keys)
    made = torch.Generator().manual_seed(0)
    for weight in run.model.parameters():
        if weight.requires_grad:
            weight.data = torch.randn(weight.shape, generator=made) / 10
    found = {}

    class Note(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
            found.update({n: w.grad.float().clone() for n, w in model.named_parameters() if w.requires_grad})

    run.add_callback(Note())
    run.train()
    return found


def dequantised(model):
    """The same weights, rounded to 4 bits, in a model without quantisation."""
    whole = LlamaForCausalLM(LlamaConfig(**{k: v for k, v in model.config.to_dict().items() if "quant" not in k}))
    weights = {
        name: bitsandbytes.functional.dequantize_4bit(weight.data, weight.quant_state)
        if hasattr(weight, "quant_state")
        else weight.data
        for name, weight in model.named_parameters()
    }
    whole.load_state_dict(weights, strict=False)
    return whole


def linear_layers(model):
    return [module for module in model.modules() if isinstance(module, bitsandbytes.nn.Linear4bit)]


def weights_and_scales(model):
    weights = [layer.weight for layer in linear_layers(model)]
    return [part for weight in weights for part in (weight.data, weight.quant_state.absmax)]


def passes_gradient_once_asked(layer):
    layer.eval()
    layer(torch.ones(1, layer.in_features))
    inputs = torch.ones(1, layer.in_features, requires_grad=True)
    out = layer.train()(inputs)
    return out.requires_grad and torch.autograd.grad(out.sum(), inputs, allow_unused=True)[0] is not None
