"""`hf-selfdemo merge`: a whole model that says what the adapter says, or nothing is written."""

import pytest

from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.at_point import recorded_point, write_point
from hf_selfdemo.scoring.confidence import Mix
from hf_selfdemo.scoring.operating_point import Aim, OperatingPoint
from hf_selfdemo.verbs import merge
from hf_selfdemo.verbs.cli import main


@pytest.fixture
def adapter(model_folder, tmp_path):
    """An adapter that changes every reply, in the folder of a run."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_pretrained(model_folder)
    lora = LoraConfig(target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    folder = tmp_path / "run/model"
    get_peft_model(network, lora).save_pretrained(folder)
    return folder


@pytest.fixture
def flags(model_folder, tmp_path):
    return [
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", "--merge_prompts=3"),
        *("--passages_per_question=2", "--max_answer_tokens=6", f"--index_dir={tmp_path / 'index'}"),
    ]


def test_the_merged_model_says_what_base_and_adapter_say(adapter, flags, tmp_path, capsys):
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert main(["merge", *flags]) == 0
    said, folder = capsys.readouterr(), tmp_path / "run/merged"
    assert "0 of 3 replies differ" in said.err
    assert f"convert_hf_to_gguf.py {folder} --outfile {folder}.gguf" in said.out and "ollama create run" in said.out
    assert (folder / "prompt.jinja").read_text() == PromptAnswerer().template()
    assert not list(folder.glob("adapter*"))
    ids = torch.tensor([AutoTokenizer.from_pretrained(folder)("Who built the hall?").input_ids])
    with torch.no_grad():
        whole = AutoModelForCausalLM.from_pretrained(folder)(ids).logits
        apart = AutoPeftModelForCausalLM.from_pretrained(adapter)(ids).logits
    assert torch.allclose(whole, apart, atol=1e-4)


def test_nothing_is_written_where_replies_differ_unless_that_is_allowed(
    adapter, flags, tmp_path, refused, monkeypatch, capsys
):
    monkeypatch.setattr(merge, "attached", lambda network, folder: network)  # as if the adapter had had no effect
    line = refused("merge", *flags)
    assert "3 of 3 replies differ between the adapter and the merged model: nothing was written" in line
    assert "add --max_changed_replies 3" in line and not (tmp_path / "run/merged").exists()
    capsys.readouterr()
    assert main(["merge", *flags, "--max_changed_replies=3", f"--merge_to={tmp_path / 'whole'}"]) == 0
    said = capsys.readouterr().err
    assert "3 of 3 replies differ" in said and " with the adapter, " in said
    assert (tmp_path / "whole/model.safetensors").exists()


def test_the_operating_point_goes_along(adapter, flags, tmp_path):
    point = OperatingPoint(Aim("f_score"), Mix((("logprob", 1.0),), 0.0), 0.4, ())
    write_point(adapter, point, PromptAnswerer(6), 6, {})
    assert main(["merge", *flags]) == 0
    assert recorded_point(tmp_path / "run/merged") == point


def test_a_whole_model_has_no_adapter_to_merge(flags, model_folder, refused):
    line = refused("merge", *flags, "--adapters", f"whole={model_folder}")
    assert "is a full model, so there is no adapter to merge" in line
