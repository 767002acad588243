"""An adapter is trained only if what is trained is what will be asked: in columns, and in weights."""

import copy
import warnings

import pytest
import torch
from peft import (
    LoraConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from transformers import AutoModelForCausalLM, LlamaConfig

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Request
from hf_selfdemo.generation.likelihood import text_nll
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.generation.tuned import merged
from hf_selfdemo.prompting.chat import encode_prompt
from hf_selfdemo.training.dpo import SelfDemoDPOConfig, SelfDemoDPOTrainer
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer
from hf_selfdemo.verbs.cli import quiet

ROW = {
    "id": "1",
    "question": "Who discovered germanium?",
    "passages": [{"text": "Clemens Winkler discovered it in 1886."}],
    "answers": ["Winkler"],
    "response": "Clemens Winkler.",
    "outcome": "answer",
    "rejected": "Bernard Courtois.",
}
ASKED = [{"role": "user", "content": "Who discovered germanium?"}]
LORA = {"task_type": "CAUSAL_LM", "r": 4}
ON_TIED = [["q_proj", "lm_head"], ["q_proj", "embed_tokens"], ["embed_tokens", "lm_head"]]
VIRTUAL = [
    PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"),
    PromptEncoderConfig(num_virtual_tokens=3, encoder_hidden_size=8, task_type="CAUSAL_LM"),
    PrefixTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"),
]
each_virtual = pytest.mark.parametrize("config", VIRTUAL, ids=lambda config: config.peft_type.value)


@pytest.fixture
def tied(tokenizer):
    """A model whose embeddings are its head."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.eos_token_id)
    config = LlamaConfig(vocab_size=len(tokenizer), **sizes, **ends, tie_word_embeddings=True, initializer_range=0.3)
    made = AutoModelForCausalLM.from_config(config).eval()
    assert made.lm_head.weight is made.model.embed_tokens.weight
    return made


def trainer(model, tokenizer, folder, peft_config, kind=SelfDemoTrainer):
    made = SelfDemoConfig if kind is SelfDemoTrainer else SelfDemoDPOConfig
    args = made(output_dir=str(folder), use_cpu=True, max_steps=3, learning_rate=0.05, meter_rows=0, report_to=[])
    return kind(model, args, [ROW], tokenizer, peft_config=peft_config)


def logits(model, tokenizer):
    with torch.inference_mode():
        return model.eval()(input_ids=torch.tensor([encode_prompt(tokenizer, ASKED)])).logits


@pytest.mark.parametrize("targets", [*ON_TIED, r".*\.(q_proj|embed_tokens)"], ids=str)
def test_lora_on_a_weight_that_is_embeddings_and_head_is_refused(tied, tokenizer, tmp_path, targets):
    told = "share one weight.*lora_target_modules" if "lm_head" not in targets else "PEFT adapter to `lm_head`"
    with pytest.raises(UserError, match=told):
        trainer(tied, tokenizer, tmp_path, LoraConfig(target_modules=targets, **LORA))


@pytest.mark.parametrize("ensure", [False, True], ids=["", "tied by PEFT"])
@pytest.mark.parametrize("keys", [*({"target_modules": names} for names in ON_TIED), {}], ids=str)
def test_an_adapter_on_it_from_elsewhere_is_merged_to_what_was_trained(tied, tokenizer, tmp_path, keys, ensure):
    """PEFT alone adds what was learnt for one end to both, and tied adapters twice."""
    own = copy.deepcopy(tied)
    lora = {"target_modules": ["q_proj"], "modules_to_save": None if keys else ["embed_tokens"]} | keys
    asked = get_peft_model(tied, LoraConfig(**lora, **LORA, init_lora_weights=False, ensure_weight_tying=ensure))
    trained = logits(asked, tokenizer)
    asked.save_pretrained(tmp_path / "adapter")
    result = merged(own, tmp_path / "adapter")
    torch.testing.assert_close(logits(result, tokenizer), trained, rtol=1e-4, atol=1e-3)
    result.save_pretrained(tmp_path / "whole")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "whole")
    torch.testing.assert_close(logits(again, tokenizer), trained, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("names", [["lm_head"], ["embed_tokens"], ["embed_tokens", "lm_head"]], ids=str)
def test_ends_trained_as_weights_of_their_own_are_evaluated_as_trained(tied, tokenizer, tmp_path, names):
    own, before = copy.deepcopy(tied), logits(tied, tokenizer)
    made = trainer(tied, tokenizer, tmp_path, LoraConfig(target_modules=["q_proj"], modules_to_save=names, **LORA))
    made.train()
    made.save_model(str(tmp_path / "adapter"))
    trained = logits(made.model, tokenizer)
    assert (trained - before).abs().max() > 0.1
    loaded = PeftModel.from_pretrained(copy.deepcopy(own), tmp_path / "adapter")
    torch.testing.assert_close(logits(loaded, tokenizer), trained)
    torch.testing.assert_close(logits(merged(own, tmp_path / "adapter"), tokenizer), trained, rtol=1e-4, atol=1e-4)


@each_virtual
@pytest.mark.parametrize("kind", [SelfDemoTrainer, SelfDemoDPOTrainer])
def test_virtual_tokens_are_not_trained_in_columns_that_they_have_moved(model, tokenizer, tmp_path, config, kind):
    with pytest.raises(UserError, match=f"{config.peft_type.value}, whose virtual tokens shift all token positions"):
        trainer(model, tokenizer, tmp_path, copy.deepcopy(config), kind)


@each_virtual
def test_a_model_with_virtual_tokens_is_neither_asked_nor_measured_nor_merged(model, tokenizer, tmp_path, config):
    own = copy.deepcopy(model)
    asked = get_peft_model(model, copy.deepcopy(config)).eval()
    with pytest.raises(UserError, match="virtual tokens"):
        ask(TransformersGenerator(asked, tokenizer), [Request("1", tuple(ASKED), "rag", 0.0, 3)])
    with pytest.raises(UserError, match="virtual tokens"):
        text_nll(asked, [([5, 6, 7], [8, 9])])
    asked.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="cannot be merged"):
        merged(own, tmp_path)


def test_what_peft_warns_of_is_heard(caplog):
    with warnings.catch_warnings(record=True) as heard:
        quiet()
        warnings.warn_explicit("a tied layer", UserWarning, "peft.py", 1, "peft.tuners.tuners_utils")
    assert "a tied layer" in caplog.text + "".join(str(found.message) for found in heard)  # logged, once one has begun
