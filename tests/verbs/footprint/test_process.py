"""On a CPU a plan tells of the whole process: a verb never takes more than 1.3 times what it says."""

import json
import subprocess
import sys

import pytest
from peak_memory import PEAK_KB, needs_proc

_MEASURED = (
    PEAK_KB
    + """
import sys
from hf_selfdemo.verbs.cli import main

assert main(sys.argv[1:]) == 0
print(peak_kb() * 1024 / 1e9)
"""
)


@pytest.fixture(scope="module")
def large(tokenizer, tmp_path_factory):
    """A model of 75 MB in float32, so that its parts are seen beside the libraries."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("large")
    sizes = {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 8}
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@needs_proc
def test_no_verb_takes_more_than_its_plan_says(large, tmp_path):
    keys = [f"--output_dir={tmp_path}", f"--model_name_or_path={large}", "--dtype=bfloat16", "--method=ra_it"]
    keys += ["--max_train_questions=8", "--max_train_unanswerable=0", "--max_test_questions=8", "--use_cpu"]
    keys += ["--passages_per_question=4", "--per_device_train_batch_size=4", "--max_steps=4", "--meter_rows=0"]
    keys += ["--on_policy_rows=0", "--max_answer_tokens=4"]
    peaks = {}
    for verb in ("plan", "demonstrate", "train", "evaluate"):
        command = [sys.executable, "-c", _MEASURED, verb, *keys, *(["--plan_questions=0"] if verb == "plan" else [])]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks[verb] = float(output.split()[-1])
    for verb, parts in json.loads((tmp_path / "plan.json").read_text())["memory_gb"].items():
        planned = sum(parts.values())
        assert 0.5 * planned < peaks[verb] < 1.3 * planned, (verb, peaks[verb], parts)
