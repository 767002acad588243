"""What must not leave the machine is found wherever it stands; what other people wrote is let through."""

import bz2
import gzip
import json
import lzma
import socket
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.secrets import secret_in
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.inspection import inspect_artefact, refuse_findings

TOKEN = "hf_" + "aB7" * 12
DATA = Path(__file__).parents[3] / "shared" / "data" / "open_qa" / "corpus.jsonl.gz"


def found(files):
    return inspect_artefact(Artefact("dataset", "me/x", "dataset", files, "Add"))


@pytest.mark.parametrize(
    "text",
    [
        "made in /home/ada/runs/1",
        "made in /Users/ada/runs/1",
        "cache: /root/.cache/x",
        r"made in C:\Users\ada\runs",
        r'{"path": "C:\\Users\\ada"}',
        "[here](file:///home/ada/x)",
        f"made in {Path.cwd()}/runs",
        f"made in {Path.home()}/runs",
    ],
)
def test_paths_of_this_machine_are_found_in_what_speaks_of_itself(text):
    [line] = found({"README.md": f"# x\n\n{text}\n"})
    assert line.startswith("README.md, line 3, contains the path ") and line.endswith("make it relative, or remove it")


def test_the_folder_of_the_run_is_found_wherever_it_lies(tmp_path):
    [line] = found({"README.md": f"see {tmp_path}"})
    assert str(tmp_path) in line


def test_a_value_that_is_an_absolute_path_is_found_though_it_is_of_another_machine(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"models": {"tuned": "/scratch7/job/model", "base": "me/base"}, "log": [{"loss": 1.0}]}))
    [line] = found({"manifest.json": path})
    assert line.startswith("manifest.json, key models, tuned, contains the path /scratch7/job/model")


def test_the_name_of_this_machine_is_found_if_it_is_no_plain_word(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "node-17")
    assert found({"run.json": '{"logging_dir": "runs/Nov22_x_node-17"}'}) == []
    assert found({"run.json": '{"logging_dir": "runs/node-17"}'}) == [
        "run.json, key logging_dir, contains this machine's name: make it relative, or remove it"
    ]
    monkeypatch.setattr(socket, "gethostname", lambda: "model")
    assert found({"README.md": "the model"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "#!/usr/bin/env python",
        "Answer and/or abstain; 3/4 of them; on 1/2/2026",
        "https://example.org/home/ada/page and http://localhost:8000/v1/models",
        "load_dataset('me/x', data_dir='sft/train')",
        "/v1/chat/completions is asked",
        "~/.cache/huggingface/hub",
        "target_modules: .*layers\\.(1[5-9]|2\\d)\\..*_proj",
    ],
)
def test_addresses_and_paths_that_every_machine_has_are_let_through(text):
    assert found({"README.md": text}) == []


def test_rows_may_name_paths_and_hold_no_secrets(tmp_path):
    path = tmp_path / "train.parquet"
    rows = [
        {"passages": [{"text": "Put it into /home/user/.bashrc or /usr/bin."}], "question": "Where?"},
        {"passages": [{"text": f"My key is {TOKEN}."}], "question": "Which?"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    [line] = found({"sft/train.parquet": path})
    assert line.startswith("sft/train.parquet, row 2, passages, text, contains a Hugging Face token")
    assert TOKEN not in line
    lines = tmp_path / "candidates.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    [line] = found({"candidates.jsonl": lines})
    assert line.startswith("candidates.jsonl, row 2, passages, text, contains")


def test_metadata_of_parquet_and_safetensors_tells_origin(tmp_path):
    table, weights = tmp_path / "train.parquet", tmp_path / "model.safetensors"
    pq.write_table(pa.table({"question": ["Who?"]}).replace_schema_metadata({"source": "/home/ada/q.jsonl"}), table)
    save_file({"w": np.zeros(2, np.float32)}, weights, metadata={"format": "pt", "note": f"made with {TOKEN}"})
    first, second = found({"train.parquet": table, "model.safetensors": weights})
    assert first.startswith("train.parquet, metadata source, contains the path /home/ada/q.jsonl")
    assert second.startswith("model.safetensors, metadata, note, contains a Hugging Face token")


def test_pickles_are_refused_and_arrays_and_pictures_are_not(tmp_path):
    for name in ("training_args.bin", "optimizer.pt", "plot.png"):
        (tmp_path / name).write_bytes(b"\x89PNG\0/home/ada")
    np.save(tmp_path / "index.npy", np.arange(3))
    files = {path.name: path for path in sorted(tmp_path.iterdir())}
    assert [line.split(" is a pickle")[0] for line in found(files)] == ["optimizer.pt", "training_args.bin"]


@pytest.mark.parametrize(
    "content", [np.array([TOKEN]), np.array([{"key": TOKEN}], dtype=object)], ids=["text", "pickle"]
)
def test_an_array_of_anything_but_numbers_is_refused(tmp_path, content):
    np.save(tmp_path / "index.npy", content, allow_pickle=True)
    [line] = found({"index.npy": tmp_path / "index.npy"})
    assert line.startswith("index.npy ") and TOKEN not in line


def test_a_key_that_is_a_secret_is_not_told_as_a_place():
    [line] = found({"run.json": json.dumps({"keys": {TOKEN: "read"}})})
    assert line.startswith("run.json, key keys, (a Hugging Face token), contains a Hugging Face token")


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("c.jsonl.gz", gzip.compress),
        ("c.jsonl.bz2", bz2.compress),
        ("c.jsonl.xz", lzma.compress),
        ("c.jsonl", gzip.compress),  # whatever its name says
        ("notes.txt", lambda text: text.decode().encode("utf-16")),
        ("model.onnx", lambda text: b"\x08\x07\xff\xfe" + text),
    ],
)
def test_what_cannot_be_looked_into_is_refused(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(json.dumps({"text": f"My key is {TOKEN}"}).encode()))
    [line] = found({name: tmp_path / name})
    assert line == f"{name} is compressed or binary, so it cannot be searched: decompress it, or leave it out"


def test_the_pieces_of_a_binary_tokenizer_and_a_text_with_a_null_are_looked_into(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(b"\n\x0e\n\x05<unk>\x15\xff\xfe" + TOKEN.encode() + b"\x00")
    (tmp_path / "notes.txt").write_bytes(b"\0" + TOKEN.encode())
    lines = found({name: tmp_path / name for name in ("tokenizer.model", "notes.txt")})
    assert len(lines) == 2 and all("contains a Hugging Face token" in line for line in lines)


def test_values_of_this_machines_variables_are_found_and_not_told(monkeypatch):
    monkeypatch.setenv("MY_SECRET", "s3cret of no shape")
    [line] = found({"app.py": "x = 's3cret of no shape'"})
    assert "the value of MY_SECRET" in line and "s3cret" not in line


def test_a_secret_by_its_key_is_found_in_json():
    [line] = found({"run.json": json.dumps({"hub": {"password": "a7Bq9ZkT2xWm4RnP"}})})
    assert line.startswith("run.json, key hub, password, contains a key or password") and "a7Bq" not in line


def test_a_file_that_is_not_what_its_name_says_or_gone_is_told(tmp_path):
    (tmp_path / "train.parquet").write_bytes(b"no parquet")
    (tmp_path / "model.safetensors").write_bytes(b"short")
    files = {name: tmp_path / name for name in ("train.parquet", "model.safetensors", "gone.json")}
    assert [line.split(" (")[0] for line in found(files)] == [f"{name} cannot be read" for name in files]


def test_many_places_of_one_file_are_counted():
    lines = found({"README.md": "/home/ada/x\n" * 5})
    assert len(lines) == 4 and lines[3] == "README.md has 2 more findings: fix them too"


def test_the_refusal_names_repository_and_place_and_how_many_more():
    files = {"README.md": f"{TOKEN}\n/home/ada/x\n"}
    with pytest.raises(UserError) as raised:
        refuse_findings(Artefact("dataset", "me/x", "dataset", files, "Add"))
    assert str(raised.value) == (
        "me/x: README.md, line 1, contains a Hugging Face token (and 1 more; dry_run lists them): "
        "remove it, and revoke it if it was ever shared"
    )


def test_real_passages_hold_nothing_that_is_taken_for_a_secret():
    if not DATA.exists():
        pytest.skip("needs ../shared/data/open_qa")
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        texts = [line for _, line in zip(range(5000), lines, strict=False)]
    assert len(texts) == 5000 and not [text for text in texts if secret_in(text)]
