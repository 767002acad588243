"""TRL's keys are read once per installed version, and are then those of its classes without importing them."""

import dataclasses
import json

import pytest

from hf_selfdemo.core.loading import load
from hf_selfdemo.recipe import training_keys as module
from hf_selfdemo.recipe.flags import given_values
from hf_selfdemo.recipe.training_keys import CLASSES, HELP, training_keys


@pytest.fixture
def imports(monkeypatch, tmp_path):
    """Which classes were imported to be read; the cache is empty."""
    monkeypatch.setenv("HF_SELFDEMO_CACHE", str(tmp_path / "cache"))
    found = []
    monkeypatch.setattr(module, "load", lambda kind, name, table: found.append(name) or load(kind, name, table))
    training_keys.cache_clear()
    yield found
    training_keys.cache_clear()


@pytest.fixture
def file(imports, tmp_path):
    """The one file of the cache."""
    training_keys()
    imports.clear()
    [path] = (tmp_path / "cache" / "keys").iterdir()
    return path


def anew():
    """The keys as another start finds them."""
    training_keys.cache_clear()
    return training_keys()


def usual(f):
    found = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
    return getattr(found, "value", found)


@pytest.mark.parametrize("name", CLASSES)
def test_fields_defaults_and_help_are_those_of_the_class(imports, name):
    real = [f for f in dataclasses.fields(load("class", name, CLASSES)) if f.init]
    known = dataclasses.fields(training_keys()[name])
    assert [f.name for f in known] == [f.name for f in real] and len(known) > 10
    for ours, theirs in zip(known, real, strict=True):
        assert usual(ours) == usual(theirs), ours.name
        assert ours.metadata["help"] == HELP.get(ours.name, theirs.metadata.get("help", "")), ours.name


@pytest.mark.parametrize("name", ["sft", "dpo", "grpo"])
def test_what_flags_are_read_as_is_what_the_class_takes(name):
    flags = ["--learning-rate=1e-4", "--max_length", "512", "--bf16", "--report_to=none", "--no_dataloader_pin_memory"]
    flags += ["--lr_scheduler_type=cosine", "--dev_modes", "rag", "--logging_first_step=no", "--fsdp=false"]
    [values] = given_values([training_keys()[name]], {"seed": "7", "output_dir": "x"}, flags)
    made = load("class", name, CLASSES)(**values)
    assert (made.learning_rate, made.max_length, made.bf16, made.report_to) == (1e-4, 512, True, [])
    assert (made.dataloader_pin_memory, made.lr_scheduler_type.value, made.seed) == (False, "cosine", 7)
    assert (made.dev_modes, made.logging_first_step, made.output_dir) == (["rag"], False, "x")


def test_a_second_start_imports_nothing(imports):
    names = {name: [f.name for f in dataclasses.fields(group)] for name, group in training_keys().items()}
    assert imports == list(CLASSES)
    assert {name: [f.name for f in dataclasses.fields(group)] for name, group in anew().items()} == names
    assert imports == list(CLASSES)


@pytest.mark.parametrize("changed", ["trl", "transformers", "peft", "hf-selfdemo"])
def test_another_version_is_read_anew(imports, file, changed, monkeypatch):
    installed = module.versions()
    monkeypatch.setattr(module, "versions", lambda: installed | {changed: "0.0.1"})
    anew()
    assert imports == list(CLASSES) and len(list(file.parent.iterdir())) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"classes": {}, "hash": ""}', '{"classes": 3, "hash": "x"}'])
def test_a_damaged_file_is_read_anew_and_mended(imports, file, text):
    whole = file.read_text()
    file.write_text(text)
    assert "learning_rate" in anew()["sft"].__dataclass_fields__
    assert imports == list(CLASSES) and file.read_text() == whole


def test_half_a_file_and_a_changed_letter_are_damage_too(imports, file):
    whole = file.read_text()
    for damaged in (whole[: len(whole) // 2], whole.replace('"learning_rate"', '"learning_rame"')):
        file.write_text(damaged)
        assert "learning_rate" in anew()["sft"].__dataclass_fields__ and file.read_text() == whole


def test_a_class_that_is_missing_in_the_file_is_read_anew(imports, file):
    found = json.loads(file.read_text())["classes"]
    del found["dpo"]
    file.write_text(json.dumps({"classes": found, "hash": module.fingerprint(found)}))
    assert anew().keys() == CLASSES.keys()


def test_a_cache_that_cannot_be_written_is_no_error(imports, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_SELFDEMO_CACHE", str(tmp_path / "file"))
    assert anew().keys() == CLASSES.keys() and imports == list(CLASSES)
