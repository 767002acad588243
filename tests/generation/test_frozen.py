"""Lower layers that nothing trains are run over a text once, and everything comes out as before."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Gemma2Config, GemmaConfig, LlamaConfig, Qwen2Config

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import STAGING
from hf_selfdemo.core.types import Request
from hf_selfdemo.generation.frozen import FrozenLayers
from hf_selfdemo.generation.likelihood import text_nll
from hf_selfdemo.generation.padding import left_pad, positions
from hf_selfdemo.generation.transformers import TransformersGenerator

SMALL = {
    "vocab_size": 1400,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "initializer_range": 0.3,
}
CONFIGS = [LlamaConfig(**SMALL), Qwen2Config(**SMALL), GemmaConfig(**SMALL, head_dim=16)]
TEXTS = [list(range(3, 60)), list(range(3, 40)), [*range(3, 30), *range(90, 130)]]


@pytest.fixture(params=CONFIGS, ids=lambda config: config.model_type)
def config(request):
    return request.param


def network(config, dtype=torch.float32):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()


def adapted(config):
    """With an adapter on the upper half whose weights are not zero."""
    torch.manual_seed(1)
    lora = LoraConfig(target_modules=r".*layers\.[23]\..*_proj", task_type="CAUSAL_LM", init_lora_weights=False)
    return get_peft_model(network(config), lora)


def passed(model, texts=TEXTS):
    ids, mask = left_pad(texts, 0)
    return model(input_ids=ids, attention_mask=mask, position_ids=positions(mask), use_cache=False)


def test_logits_are_those_of_the_whole_pass_whether_computed_or_looked_up(config, tmp_path):
    with torch.no_grad():
        model = network(config)
        whole = passed(model).logits
        frozen = FrozenLayers(model, 2, tmp_path)
        first = passed(model).logits
        assert frozen.account.found == 0 and frozen.account.computed == sum(map(len, TEXTS))
        again = passed(model).logits
        assert frozen.account.found == sum(map(len, TEXTS)) - len(TEXTS), "all but the last token of each"
    real = left_pad(TEXTS, 0)[1].bool()
    for found in (first, again):
        torch.testing.assert_close(found[real], whole[real], rtol=1e-4, atol=1e-4)


def test_a_text_that_goes_on_from_one_that_was_run_computes_only_what_is_new(config, tmp_path):
    with torch.no_grad():
        plain, model = network(config), network(config)
        frozen = FrozenLayers(model, 2, tmp_path)
        passed(model, TEXTS[:1])
        longer = [[*TEXTS[0], *range(200, 205)]]
        torch.testing.assert_close(passed(model, longer).logits, passed(plain, longer).logits, rtol=1e-4, atol=1e-4)
    assert frozen.account.computed == len(TEXTS[0]) + 5


def test_another_process_and_an_adapter_above_look_up_what_the_base_was_run_over(config, tmp_path):
    with torch.no_grad():
        base = network(config)
        FrozenLayers(base, 2, tmp_path)
        passed(base)
        whole = passed(adapted(config)).logits
        model = adapted(config)
        frozen = FrozenLayers(model, 2, tmp_path)
        found = passed(model).logits
    assert frozen.account.computed == len(TEXTS)
    real = left_pad(TEXTS, 0)[1].bool()
    torch.testing.assert_close(found[real], whole[real], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("checkpointing", [None, False, True], ids=["plain", "checkpointed", "reentrant"])
def test_gradients_are_those_of_the_whole_pass(config, checkpointing, tmp_path):
    def gradients(model):
        if checkpointing is not None:
            model.gradient_checkpointing_enable({"use_reentrant": checkpointing})
            model.enable_input_require_grads()
        model.train()
        passed(model).logits[:, -5:].square().mean().backward()
        return {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}

    whole, model = gradients(adapted(config)), adapted(config)
    FrozenLayers(model, 2, tmp_path)
    for _ in range(2):  # computed, then looked up
        model.zero_grad()
        for name, gradient in gradients(model).items():
            torch.testing.assert_close(gradient, whole[name], rtol=1e-3, atol=1e-5)


def test_the_engine_says_what_it_says_without(config, tokenizer, tmp_path):
    requests = [
        Request(f"{i}", ({"role": "user", "content": f"{question} " * 9},), "rag", 0.0, 8, share=f"{i}")
        for i, question in enumerate(["Where is it?", "Who wrote the book?", "When did the war end?"])
    ]
    refusals = [
        Request(f"{r.id}/r", r.messages, "refusal", 0.0, 1, share=r.share, openings=("I do", "It is not"))
        for r in requests
    ]
    plain, model = (TransformersGenerator(network(config), tokenizer, 4) for _ in range(2))
    frozen = FrozenLayers(model.model, 2, tmp_path)
    wanted = ask(plain, requests + refusals)
    computed = []
    for _ in range(2):
        found = ask(TransformersGenerator(model.model, tokenizer, 4), requests + refusals)
        assert [reply.text for reply in found] == [reply.text for reply in wanted]
        for one, other in zip(found, wanted, strict=True):
            assert one.scores == pytest.approx(other.scores, abs=1e-3)
        computed.append(frozen.account.computed)
    assert computed[1] - computed[0] < computed[0] / 5


def test_likelihoods_are_the_same(config, tmp_path):
    texts = [(text, [5, 6 + i]) for i, text in enumerate(TEXTS)]
    model = network(config)
    wanted = text_nll(model, texts)
    FrozenLayers(model, 2, tmp_path)
    for _ in range(2):
        assert text_nll(model, texts) == pytest.approx(wanted, abs=1e-3)


def test_other_lower_weights_have_states_of_their_own(tmp_path):
    one, other = network(CONFIGS[0]), network(CONFIGS[0])
    with torch.no_grad():
        other.model.layers[1].mlp.up_proj.weight[0, 0] += 1
        whole = passed(other).logits
        FrozenLayers(one, 2, tmp_path)
        passed(one)
        frozen = FrozenLayers(other, 2, tmp_path)
        found = passed(other).logits
    assert frozen.account.found == 0
    real = left_pad(TEXTS, 0)[1].bool()
    torch.testing.assert_close(found[real], whole[real], rtol=1e-4, atol=1e-4)


def test_layers_that_are_trained_are_no_frozen_ones(tmp_path):
    model = adapted(CONFIGS[0])
    FrozenLayers(model, 3, tmp_path)
    with pytest.raises(UserError, match="frozen_layers is 3, but weights in or below these layers are trained"):
        passed(model)


@pytest.mark.parametrize("depth", [-1, 0, 4])
def test_a_depth_that_the_model_does_not_have_is_refused(depth, tmp_path):
    with pytest.raises(UserError, match=f"frozen_layers is {depth}, but the model has 4 layers"):
        FrozenLayers(network(CONFIGS[0]), depth, tmp_path)


def test_sliding_windows_are_refused(tmp_path):
    with pytest.raises(UserError, match="full-attention"):
        FrozenLayers(network(Gemma2Config(**SMALL, head_dim=16)), 2, tmp_path)


def test_a_damaged_file_is_computed_again_and_a_full_disk_costs_nothing_but_time(tmp_path, caplog, monkeypatch):
    with torch.no_grad():
        model = network(CONFIGS[0])
        FrozenLayers(model, 2, tmp_path)
        whole = passed(model, TEXTS[:1]).logits
        (path,) = tmp_path.rglob("*.safetensors")
        path.write_bytes(path.read_bytes()[:100])

        def full(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("hf_selfdemo.generation.states.save_file", full)
        model = network(CONFIGS[0])
        frozen = FrozenLayers(model, 2, tmp_path)
        for _ in range(2):
            torch.testing.assert_close(passed(model, TEXTS[:1]).logits, whole, rtol=1e-4, atol=1e-4)
    assert frozen.account.found == 0
    assert [record.message.split(" (")[0].split("/")[-1] for record in caplog.records] == [
        f"{path.name} cannot be read and is ignored",
        path.parent.name,
    ]
    assert list(tmp_path.rglob(f"*{STAGING}")) == []


def test_a_text_may_be_gone_on_with_where_nobody_says_that_there_is_a_cache(config, tmp_path):
    """transformers then keeps one, of all layers."""
    text, more = torch.tensor(TEXTS[:1]), torch.tensor([[7, 8, 9]])
    with torch.no_grad():
        model = network(config)
        wanted = model(more, past_key_values=model(text, use_cache=None).past_key_values).logits
        FrozenLayers(model, 2, tmp_path)
        for _ in range(2):
            found = model(more, past_key_values=model(text, use_cache=None).past_key_values).logits
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
