"""Whatever ends a verb is one line: what can be foreseen names the file or key, a bug the file of its traceback."""

import errno
import gzip
import json
import shutil
import time
from pathlib import Path

import pytest

from hf_selfdemo.core.artefacts import Demonstrations, SkippedRow
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.manifest import read_json, read_json_lines
from hf_selfdemo.core.types import Reply
from hf_selfdemo.data.questions import read_questions
from hf_selfdemo.generation.models import ResolvedModel, load_model, load_tokenizer
from hf_selfdemo.methods.demonstrations import load_demonstrations
from hf_selfdemo.recipe.recipe_file import read_yaml
from hf_selfdemo.verbs.cli import main, reported


def line_of(capsys, code, *arguments):
    assert main(list(arguments)) == code
    said = capsys.readouterr().err.strip()
    assert said.splitlines()[-1].startswith("hf-selfdemo: ") and "Traceback" not in said, said
    return said.splitlines()[-1]


def ended(capsys, error):
    def job():
        raise error

    code = reported(job)
    [line] = capsys.readouterr().err.strip().splitlines()
    return code, line


def test_a_bug_is_one_line_and_its_traceback_lies_in_a_file_without_tokens(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    token = "hf_" + "a1B2" * 9
    code, line = ended(capsys, KeyError(f"lost {token}"))
    [written] = tmp_path.iterdir()
    assert code == 1 and "this is a bug: KeyError" in line and str(written) in line
    told = written.read_text()
    assert told.startswith("Traceback") and "in job" in told and token not in told + line


def test_a_bug_is_one_line_where_no_file_can_be_written_either(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    code, line = ended(capsys, ZeroDivisionError("division by zero\nand more"))
    assert code == 1 and "this is a bug: ZeroDivisionError: division by zero (no traceback" in line


def full_disk():
    """As a writer of weights tells it, in an error of its own that came of the system's."""
    error = RuntimeError("unexpected pos 64 vs 0")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device")
    return error


FORESEEN = {
    "a full disk": (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
    "a full disk while weights are saved": (full_disk(), "the disk is full"),
    "safetensors on a full disk": (
        Exception("I/O error: No space left on device (os error 28)"),
        "the disk is full",
    ),
    "torch on a full disk": (
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 8512 vs 8406"),
        "the disk is full",
    ),
    "numpy on a full disk": (OSError("3490 requested and 2016 written"), "the disk is full"),
    "a read-only mount": (OSError(errno.EROFS, "Read-only file system", "/mnt/hub/x"), "/mnt/hub/x cannot be used"),
    "a long name": (OSError(errno.ENAMETOOLONG, "File name too long", "n" * 300), "File name too long"),
    "no memory": (MemoryError(), "the memory is full"),
    "a package that is not there": (ModuleNotFoundError("No module named 'x'", name="x"), "package x is not installed"),
    "a connection": (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "Connection reset by peer"),
}


@pytest.mark.parametrize("name", FORESEEN)
def test_what_the_machine_brings_about_is_one_line(capsys, name):
    error, words = FORESEEN[name]
    code, line = ended(capsys, error)
    assert code == 2 and words in line and "bug" not in line


def test_ctrl_c_is_130(capsys):
    code, line = ended(capsys, KeyboardInterrupt())
    assert code == 130 and "interrupted" in line


BOMB = "a: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
RECIPES = {
    "Latin-1": ("output_dir: caf\xe9\n".encode("latin-1"), "is not in UTF-8 (byte 16)"),
    "UTF-16": ("output_dir: runs/a\n".encode("utf-16"), "is not in UTF-8 (byte 1)"),
    "deep": (b"a: " + b"[" * 5000 + b"]" * 5000, "is nested too deeply"),
    "aliases of aliases": (BOMB.encode(), "contains more than 10000 values"),
    "an alias of itself": (b"a: &a [*a]\n", "contains more than 10000 values"),
    "merges of merges": (
        b"a: &a {x: 1}\n" + b"b: {<<: [" + b", ".join([b"*a"] * 9000) + b"]}\n",
        "contains more than 10000 values",
    ),
    "a date": (b"run_name: 2024-05-01\n", "run_name contains 2024-05-01, which YAML reads as a date"),
    "a date that is none": (b"run_name: 2024-13-41\n", "contains a value that cannot be read"),
    "a time in a list": (b"sources: [2024-05-01 10:00:00]\n", "sources contains 2024-05-01 10:00:00"),
    "bytes": (b"run_name: !!binary aGFsbG8=\n", "run_name contains"),
    "a key that is true": (b"yes: no\n", "sets the option True"),
    "a key that is a number": (b"1: 2\n", "sets the option 1"),
    "a key that is a list": (b"? [a]\n: 2\n", "is not valid YAML"),
    "a large file": (b"a: " + b"x" * (2 << 20), "is too large for a recipe"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_that_is_none_is_one_line_at_once(capsys, tmp_path, name):
    content, words = RECIPES[name]
    (tmp_path / "r.yaml").write_bytes(content)
    began = time.monotonic()
    line = line_of(capsys, 2, "plan", "--config", str(tmp_path / "r.yaml"))
    assert words in line and "r.yaml" in line and len(line) < 1000
    assert time.monotonic() - began < 20


def test_aliases_within_bounds_are_read(tmp_path):
    (tmp_path / "r.yaml").write_text("train_questions: &q [a.jsonl]\ntest_questions: *q\n")
    assert read_yaml(str(tmp_path / "r.yaml")) == {"train_questions": ["a.jsonl"], "test_questions": ["a.jsonl"]}


def test_an_output_dir_that_cannot_be_one_is_named(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file/below", tmp_path / ("n" * 300)):
        for verb in ("demonstrate", "plan", "preflight", "app", "ledger"):
            assert str(folder) in line_of(capsys, 2, verb, f"--output_dir={folder}", "--plan_questions=0"), verb


@pytest.mark.parametrize("key", ["train_questions", "train_corpus", "model_name_or_path", "ledger", "prompts_dir"])
def test_a_name_of_300_characters_is_one_line(capsys, tmp_path, key):
    flags = [f"--output_dir={tmp_path / 'run'}", "--train_questions=embedded", "--train_corpus=embedded"]
    assert "n" * 200 in line_of(capsys, 2, "demonstrate", *flags, f"--{key}={tmp_path / ('n' * 300)}")


def test_a_config_name_of_300_characters_is_one_line(capsys):
    assert "File name too long" in line_of(capsys, 2, "plan", "--config", "n" * 300)


def test_a_manifest_that_is_none_is_named_with_what_it_lacks(tmp_path):
    path = tmp_path / "manifest.json"
    for content in (b"", b'{"a": 1', b"\xff\xfe{}", b"[1]", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"manifest\.json is not (a )?JSON"):
            read_json(path)
    path.write_text('{"settings": {}}')
    with pytest.raises(UserError, match=r"manifest\.json is damaged, it has no 'judges'"):
        read_json(path, Demonstrations, "judges")
    path.write_text('{"settings": 7}')
    with pytest.raises(UserError, match=r"manifest\.json is damaged, settings is 7, not an object"):
        read_json(path, Demonstrations)


def test_a_torn_line_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a"}\n{"id": \n')
    with pytest.raises(UserError, match=r"line 2 of .*rows\.jsonl is not JSON"):
        list(read_json_lines(path))
    path.write_text("{}\n")
    with pytest.raises(UserError, match=r"line 1 of .*rows\.jsonl is damaged, id is missing"):
        list(read_json_lines(path, SkippedRow))


def test_demonstrations_that_are_damaged_are_named(tmp_path):
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "train.parquet"
    parquet.write_table(pyarrow.table({"x": [1, 2]}), path)
    with pytest.raises(UserError, match=r"train\.parquet has no column"):
        load_demonstrations(tmp_path)
    whole = path.read_bytes()
    for content in (b"", b"garbage", whole[: len(whole) // 2], whole[:4] + b"\0" * 40 + whole[44:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"train\.parquet "):
            load_demonstrations(tmp_path)


def test_a_ledger_whose_reply_is_damaged_is_named(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put("k", "tiny", "rag", "q1", Reply("Paris"))
    for damaged in ("{", '{"no": 1}', "[]"):
        ledger._db.execute("UPDATE calls SET reply = ?", (damaged,))
        with pytest.raises(UserError, match=r"ledger\.sqlite contains a call that was changed since it was written"):
            ledger.get("k")


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def torn_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def garbage_weights(folder):
    (folder / "model.safetensors").write_bytes(b"\xff" * 5000)


def pickled_weights(folder):
    import pickle

    no_weights(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Path.home))


def torn_config(folder):
    (folder / "config.json").write_text('{"model_type": "lla')


def unknown_config(folder):
    (folder / "config.json").write_text('{"model_type": "no_such_kind"}')


def other_shape(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))


def own_code(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "m.C", "AutoModelForCausalLM": "m.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "m.py").write_text("raise SystemExit('ran')\n")


DAMAGES = [
    no_weights,
    torn_weights,
    garbage_weights,
    pickled_weights,
    torn_config,
    unknown_config,
    other_shape,
    own_code,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_that_cannot_be_loaded_is_named(model_folder, tmp_path, damage):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    damage(folder)
    with pytest.raises(UserError, match=f"the model in {folder} cannot be loaded"):
        load_model(ResolvedModel(str(folder), str(folder), "f"))


def torn_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{")


def latin_template(folder):
    (folder / "chat_template.jinja").write_bytes("{{ 'caf\xe9' }}".encode("latin-1"))


@pytest.mark.parametrize("damage", [*DAMAGES, torn_tokenizer, latin_template])
def test_a_damaged_model_is_one_line_of_the_command(model_folder, own, tmp_path, capsys, damage):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    damage(folder)
    assert str(folder) in line_of(capsys, 2, "demonstrate", *own, f"--model_name_or_path={folder}")


@pytest.mark.parametrize("key", ["dtype", "inference_dtype"])
def test_a_dtype_that_is_none_is_one_line_of_the_command(own, capsys, key):
    assert "float99" in line_of(capsys, 2, "demonstrate", *own, f"--{key}=float99")


@pytest.mark.parametrize("damage", ["torn", "garbage", "empty"])
def test_a_damaged_adapter_is_one_line_of_the_command(gold, tmp_path, capsys, damage):
    assert main(["demonstrate", *gold]) == 0 and main(["train", *gold]) == 0
    path = tmp_path / "run/model/adapter_model.safetensors"
    whole = path.read_bytes()
    path.write_bytes({"torn": whole[:500], "garbage": b"\xff" * 500, "empty": b""}[damage])
    (tmp_path / "run/model/manifest.json").unlink()  # which has its hash
    assert str(path.parent) in line_of(capsys, 2, "evaluate", *gold)


@pytest.mark.parametrize("content", ["", "{", '{"version": "1.0"}', "[1]"])
def test_a_tokenizer_that_cannot_be_loaded_is_named(model_folder, tmp_path, content):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=f"the tokenizer in {folder} cannot be loaded"):
        load_tokenizer(ResolvedModel(str(folder), str(folder), "f"))


@pytest.mark.parametrize("name", ["float99", "nn", "int8", "Tensor"])
def test_a_dtype_that_is_none_is_named(model_folder, name):
    with pytest.raises(UserError, match=f"dtype '{name}' cannot be used"):
        load_model(ResolvedModel(model_folder, model_folder, "f"), dtype=name)


def test_a_packed_file_is_read_within_bounds(tmp_path, monkeypatch):
    import tracemalloc

    monkeypatch.setattr("hf_selfdemo.data.questions.sources._LARGEST_JSON", 1 << 20)
    for name in ("bomb.jsonl.gz", "bomb.json.gz"):
        with gzip.open(tmp_path / name, "wb", compresslevel=1) as file:
            for _ in range(400):
                file.write(b"\0" * (1 << 20))
        tracemalloc.start()
        with pytest.raises(UserError, match=rf"{name} .*characters"):
            read_questions(str(tmp_path / name))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 200 << 20, name


def test_a_question_of_many_characters_is_refused_by_row(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({"question": "Why " * 300_000, "answers": ["so"]}) + "\n")
    with pytest.raises(UserError, match=r"row 1 .*'question' has 1,200,000 characters"):
        read_questions(str(path))
