"""A small folder of questions and passages in the shape of the real one, made of the embedded corpus."""

import gzip
import json
import sys
from pathlib import Path

import pytest

from hf_selfdemo.data.questions import EMBEDDED

sys.path.insert(0, str(Path(__file__).parents[2] / "results" / "methods"))  # where `python results/methods/...` looks


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """The files that the checks read, with 24 training and 12 test questions."""
    folder = tmp_path_factory.mktemp("open_qa")
    questions = list(map(json.loads, (EMBEDDED / "questions.jsonl").open(encoding="utf-8")))
    passages = list(map(json.loads, (EMBEDDED / "corpus.jsonl").open(encoding="utf-8")))
    for part, count in (("train", 24), ("test", 12)):
        rows = [row | {"source": "nq-small"} for row in questions if row["split"] == part]
        for name, answerable in ((part, True), (f"{part}_unanswerable", False)):
            _write(folder / f"{name}.jsonl.gz", [row for row in rows if row["answerable"] == answerable][:count])
    _write(folder / "corpus.jsonl.gz", [{key: row[key] for key in ("id", "title", "text")} for row in passages])
    return folder


def _write(path, rows):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def command(small_data, model_folder, tmp_path):
    """The command line of a check at a tiny size."""
    return [
        *("--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records"), "--data", str(small_data)),
        *("--model_name_or_path", model_folder, "--dtype", "float32", "--lora_r", "2", "--use_cpu"),
        *("--train_tokens", "400", "--per_device_train_batch_size", "2", "--lora_target_modules", "all-linear"),
    ]
