"""What a recipe says of the model, its template and its adapter holds for every verb, or is refused."""

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file
from transformers import AutoTokenizer

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.recipe.dataset_key import dataset_key
from hf_selfdemo.recipe.start import check_targets
from hf_selfdemo.verbs.cli import main, parse


@pytest.fixture
def other(tokenizer, tmp_path):
    """A chat template that is not the model's own."""
    path = tmp_path / "other.jinja"
    template = tokenizer.chat_template.replace("message['role'] + '\n'", "message['role'] + ' says\n'")
    path.write_text(template.replace("assistant\n", "assistant says\n"))
    return path


def test_the_chat_template_holds_for_every_verb(gold, refused, other, manifest, tmp_path, monkeypatch, capsys):
    asked, stream = [], TransformersGenerator.stream

    def seen(self, requests):
        asked.append(self.tokenizer.chat_template)
        return stream(self, requests)

    monkeypatch.setattr(TransformersGenerator, "stream", seen)
    keys = [*gold, f"--chat_template_path={other}"]
    for verb in ("demonstrate", "preflight", "train", "evaluate"):
        assert main([verb, *keys]) == 0, verb
    assert set(asked) == {other.read_text()}
    saved = AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    assert saved.chat_template == other.read_text()
    recipe = parse(keys)
    told = {"chat_template": recipe.chat_template["chat_template"]}
    for folder in ("demonstrations", "evaluation"):
        assert told.items() <= manifest(folder)["settings"].items()
    plain = parse(gold)
    assert plain.chat_template == {} and dataset_key(recipe, "train", "w") != dataset_key(plain, "train", "w")
    assert "demonstrations" in refused("demonstrate", *gold)
    capsys.readouterr()
    elsewhere = [f"--output_dir={tmp_path / 'other'}", "--adapters", f"tuned={tmp_path / 'run' / 'model'}"]
    assert main(["evaluate", *gold, *elsewhere]) == 0
    assert "was trained with another chat template than it is asked with" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("path", ["HuggingFaceTB/SmolLM2-135M-Instruct", "missing.jinja"])
def test_what_is_no_template_is_refused_by_each_verb(gold, refused, path):
    for verb in ("demonstrate", "evaluate"):
        line = refused(verb, *gold, f"--chat_template_path={path}")
        assert f"chat_template_path {path!r} is not a Jinja file" in line


def test_a_template_that_opens_a_thought_is_refused_before_anything_is_written(gold, refused, other, tmp_path):
    thinking = other.read_text().replace("assistant says\n", "assistant says\n<think>\n")
    other.write_text(thinking)
    line = refused("demonstrate", *gold, "--method=self_demo", f"--chat_template_path={other}")
    assert "<think>" in line and "would be inside what it opens" in line
    assert not list((tmp_path / "run").glob("demonstrations/*.parquet"))


def test_the_attention_is_that_of_the_recipe(gold):
    recipe = parse([*gold, "--attn_implementation=eager"])
    assert recipe.load(recipe.resolve())[0].config._attn_implementation == "eager"
    plain = parse(gold)
    assert plain.load(plain.resolve())[0].config._attn_implementation == "sdpa"
    wrong = parse([*gold, "--attn_implementation=flash_attention_9"])
    with pytest.raises(UserError, match="attn_implementation 'flash_attention_9' cannot be used"):
        wrong.load(wrong.resolve())


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"modules_to_save": ["lm_heat"]}, "lora_modules_to_save names 'lm_heat', .* did you mean 'lm_head'"),
        ({"target_parameters": ["q_proj.wieght"]}, "lora_target_parameters names 'q_proj.wieght'"),
        ({"task_type": "SEQ_CLS"}, "lora_task_type is 'SEQ_CLS'"),
    ],
)
def test_names_that_the_model_does_not_have_are_refused(model, keys, said):
    known = {"modules_to_save": ["lm_head", "model.embed_tokens"], "target_parameters": ["q_proj.weight"]}
    check_targets(LoraConfig(**{"task_type": "CAUSAL_LM", "target_modules": ["q_proj"]} | known), model)
    with pytest.raises(UserError, match=said):
        check_targets(LoraConfig(**{"task_type": "CAUSAL_LM", "target_modules": ["q_proj"]} | keys), model)


@pytest.fixture
def multiplies(monkeypatch):
    """Says whether this processor multiplies bfloat16."""

    def said(what):
        monkeypatch.setattr("hf_selfdemo.generation.precision._of_processor", lambda torch: what)

    return said


@pytest.mark.parametrize(("by", "dtype"), [("AVX512-BF16", torch.bfloat16), ("", torch.float32)])
def test_auto_takes_what_the_processor_multiplies(gold, multiplies, capsys, by, dtype):
    multiplies(by)
    recipe = parse([*gold, "--dtype=auto"])
    network = recipe.load(recipe.resolve())[0]
    assert next(network.parameters()).dtype == dtype
    assert next(recipe.load(recipe.resolve(), training=True)[0].parameters()).dtype == dtype
    said = " ".join(capsys.readouterr().err.split())
    told = f"weights for generation in {str(dtype).removeprefix('torch.')} (auto: "
    assert said.count(told) == 1 and (by or "this processor does not multiply bfloat16") in said
    assert recipe.training.bf16 is bool(by) and recipe.implied == ({"bf16": True} if by else {})
    whole = parse([*gold, "--dtype=auto", "--use_peft=false"])
    assert whole.dtype(training=True).name == "float32" and whole.training.bf16 is bool(by)


def test_what_is_said_of_precision_wins_over_auto(gold, multiplies, capsys):
    multiplies("AMX")
    assert parse([*gold, "--dtype=auto", "--bf16=false"]).training.bf16 is False
    written = parse([*gold, "--inference_dtype=auto"])
    assert (written.dtype().name, written.dtype(training=True).name) == ("bfloat16", "float32")
    assert written.training.bf16 is False and not written.implied, "what only writes says nothing of training"
    plain = parse([*gold, "--dtype=auto", "--inference_dtype=float32"])
    assert (plain.dtype().name, plain.dtype(training=True).name) == ("float32", "bfloat16")
    plain.load(plain.resolve())
    assert "weights for" not in capsys.readouterr().err, "nothing was chosen"
    assert parse(gold).dtype().name == parse(gold).dtype(training=True).name == "float32"


def test_adapters_on_bfloat16_weights_are_float32_and_the_choice_is_told(gold, multiplies, manifest, tmp_path):
    multiplies("AVX512-BF16")
    keys = [*gold, "--dtype=auto"]
    for verb in ("demonstrate", "train", "evaluate"):
        assert main([verb, *keys]) == 0, verb
    told = "bfloat16 (auto: AVX512-BF16 multiplies it)"
    assert manifest("model")["dtype"] == manifest("evaluation")["dtype"] == told
    assert manifest("model")["settings"]["dtype"] == "bfloat16" and manifest("model")["settings"]["bf16"] is True
    saved = load_file(tmp_path / "run/model/adapter_model.safetensors")
    assert {weight.dtype for weight in saved.values()} == {torch.float32}
    assert any(not torch.equal(weight, weight.bfloat16().float()) for weight in saved.values())


def test_a_run_that_goes_on_where_auto_means_something_else_is_refused(gold, multiplies, refused):
    multiplies("AVX512-BF16")
    keys = [*gold, "--dtype=auto"]
    assert main(["demonstrate", *keys]) == main(["train", *keys]) == 0
    multiplies("")
    line = refused("train", *keys)
    assert "belongs to another run" in line and "dtype" in line


def test_calls_of_one_precision_are_no_calls_of_another(gold, multiplies):
    multiplies("AMX")
    recipes = [parse([*gold, f"--inference_dtype={name}"]) for name in ("auto", "bfloat16", "float32")]
    names = [TransformersGenerator(*recipe.load(recipe.resolve())).identity for recipe in recipes]
    keys = [dataset_key(recipe, "train", "w") for recipe in recipes]
    assert names[0] == names[1] != names[2] and keys[0] == keys[1] != keys[2]
