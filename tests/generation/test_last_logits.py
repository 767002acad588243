"""A frozen head, as every merged adapter has one, costs and says what one that could be trained does."""

import subprocess
import sys

import pytest
import torch
from peak_memory import PEAK_KB, needs_proc
from transformers import AutoModelForCausalLM, CohereConfig, Gemma2Config, LlamaConfig

from hf_selfdemo.generation.last_logits import last_logits

SMALL = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}
CONFIGS = [LlamaConfig(**SMALL), Gemma2Config(**SMALL, head_dim=16, final_logit_softcapping=5.0), CohereConfig(**SMALL)]

PEAKS = (
    PEAK_KB
    + """
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.generation.likelihood import text_nll
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.core.types import Request

torch.set_num_threads(1)
config = LlamaConfig(vocab_size=32000, hidden_size=64, intermediate_size=64, num_hidden_layers=1,
                     num_attention_heads=1, num_key_value_heads=1, bos_token_id=0, eos_token_id=0, pad_token_id=0)
base = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
lora = LoraConfig(target_modules=["q_proj"], task_type="CAUSAL_LM")
merged = get_peft_model(AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16), lora).merge_and_unload().eval()
assert base.lm_head.weight.requires_grad and not merged.lm_head.weight.requires_grad
tokenizer = PreTrainedTokenizerFast.from_pretrained(FOLDER)
requests = [Request(str(i), ({"role": "user", "content": "hello " * 30},), "rag", 0.0, 1) for i in range(48)]
texts = [(list(range(1, 30)), [31, 32 + i]) for i in range(48)]


def peak(model):
    ask(TransformersGenerator(model, tokenizer, batch_size=48), requests)
    text_nll(model, texts, batch_size=48)
    return peak_kb() / 1024


print(peak(base), peak(merged))
"""
)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_logits_are_those_of_the_whole_pass_scaled_and_capped_as_the_model_has_it(config):
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.randint(0, 300, (4, 9))
    with torch.inference_mode():
        whole, trainable = network(input_ids=ids).logits, last_logits(network, 2, input_ids=ids)
        frozen = last_logits(network.requires_grad_(False), 2, input_ids=ids)
    torch.testing.assert_close(trainable, whole[:, -2:])
    assert torch.equal(frozen, trainable)


@needs_proc
def test_the_first_pass_of_a_merged_adapter_peaks_where_the_bases_does(model_folder):
    """In half precision torch would copy the head once a row: 48 rows of 4 MB here."""
    script = PEAKS.replace("FOLDER", repr(model_folder))
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    base, merged = map(float, done.stdout.split())
    assert merged - base < 60, f"megabytes: {base:.0f}, then {merged:.0f}"
