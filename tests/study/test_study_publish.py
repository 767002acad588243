"""An adapter in a small folder: the same model but for the rounding of its weights."""

from __future__ import annotations

import shutil

import publish
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from hf_selfdemo.core.manifest import read_json, write_checked_json, write_json
from hf_selfdemo.generation.models import load_model, resolve_model
from hf_selfdemo.generation.tuned import model_hashes
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.at_point import at_recorded_point, write_point
from hf_selfdemo.methods.openings import recorded_openings, write_openings
from hf_selfdemo.prompting.prompts import TEMPLATES
from hf_selfdemo.scoring.confidence import Mix
from hf_selfdemo.scoring.operating_point import Aim, OperatingPoint
from hf_selfdemo.verbs.cli import main as selfdemo

HUB_ID = "base/tiny"


@pytest.fixture(scope="module")
def run(model_folder, tmp_path_factory):
    """An adapter for the tiny model, as if that came from the Hub."""
    folder = tmp_path_factory.mktemp("published") / "run"
    keys = ["--method=ra_it", "--passages_per_question=1", "--max_train_questions=2", "--max_train_unanswerable=0"]
    keys += [f"--output_dir={folder}", f"--model_name_or_path={model_folder}", "--on_policy_rows=0"]
    assert selfdemo(["demonstrate", *keys]) == 0
    assert selfdemo(["train", *keys, "--max_steps=2", "--learning_rate=0.05", "--lora_r=2", "--use_cpu"]) == 0
    model = folder / "model"
    config = model / "adapter_config.json"
    write_json(config, read_json(config) | {"base_model_name_or_path": HUB_ID})
    told = read_json(model / "manifest.json") | {"base": HUB_ID, "files": model_hashes(model)}
    write_checked_json(model / "manifest.json", told)
    return folder


def test_the_folder_holds_the_rounded_adapter_and_its_prompt(run, tmp_path):
    folder = tmp_path / "adapter"
    publish.publish(run, folder)
    names = {path.name for path in folder.iterdir()}
    files = {"adapter_model.safetensors", "adapter_config.json", "prompt.jinja", "generation_config.json"}
    assert names == files | {"method.json"}  # how it wants to be asked; no refusal was trained, so none is told
    assert read_json(folder / "adapter_config.json")["base_model_name_or_path"] == HUB_ID
    last = (TEMPLATES / "rag.txt").read_text(encoding="utf-8").splitlines()[-1]
    assert last in (folder / "prompt.jinja").read_text(encoding="utf-8")
    trained = load_file(run / "model/adapter_model.safetensors")
    rounded = load_file(folder / "adapter_model.safetensors")
    assert set(rounded) == set(trained) and all(weight.dtype == torch.bfloat16 for weight in rounded.values())
    assert all(torch.equal(rounded[name], weight.to(torch.bfloat16)) for name, weight in trained.items())


def test_it_loads_onto_the_base(run, tmp_path, model_folder):
    publish.publish(run, tmp_path)
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        base = load_model(resolve_model(str(model_folder)))(ids).logits
        tuned = PeftModel.from_pretrained(load_model(resolve_model(str(model_folder))), tmp_path)(ids).logits
        whole = PeftModel.from_pretrained(load_model(resolve_model(str(model_folder))), run / "model")(ids).logits
    assert 0 < (tuned - whole).norm() < 0.05 * (tuned - base).norm(), "rounding is small beside what was learnt"


def test_the_operating_point_and_the_beginnings_of_refusals_go_along(run, tmp_path):
    whole = tmp_path / "run"
    shutil.copytree(run, whole)
    rows = [{"outcome": "abstain", "response": "The passages do not mention it."}]
    write_openings(whole / "model", rows)
    point = OperatingPoint(Aim("f_score"), Mix((("logprob", 1.0),), 0.0), 0.25, ())
    write_point(whole / "model", point, PromptAnswerer(24), 24, {"evaluation": {}, "figures": {}, "versions": {}})
    publish.publish(whole, tmp_path / "adapter", base_model="elsewhere/tiny")
    assert at_recorded_point(tmp_path / "adapter", PromptAnswerer(24)).point == point  # it is that of these weights now
    assert recorded_openings(tmp_path / "adapter") == recorded_openings(whole / "model") != recorded_openings(None)
    assert read_json(tmp_path / "adapter/adapter_config.json")["base_model_name_or_path"] == "elsewhere/tiny"


def test_a_card_that_is_there_stays(run, tmp_path):
    (tmp_path / "README.md").write_text("# An adapter\n")
    publish.publish(run, tmp_path)
    assert (tmp_path / "README.md").read_text() == "# An adapter\n"


def test_a_run_without_an_adapter_is_one_line(run, tmp_path, monkeypatch):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "model/manifest.json").unlink()
    monkeypatch.setattr("sys.argv", ["publish.py", str(copy), str(tmp_path / "adapter")])
    with pytest.raises(SystemExit, match="contains no finished training"):
        publish.main()
    assert not (tmp_path / "adapter").exists()
