"""Files that unfold to anything, and cells of any size, end at once in a line; what is large and meant goes through."""

import gzip
import json
import re
import subprocess
import sys
import time

import pyarrow
import pytest
from peak_memory import PEAK_KB, needs_proc
from pyarrow import parquet

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.questions import read_passages, read_questions
from hf_selfdemo.data.questions.sources import read_rows
from hf_selfdemo.verbs.cli import main

_MB = 1 << 20
_PASSAGE = json.dumps({"id": "p", "title": "t", "text": "The same words again and again."}).encode() + b"\n"
BOMBS = {"breaks": b"\n", "zeros": b"\0", "blanks": b" ", "objects": b"{}\n", "rows": _PASSAGE, "brackets": b"["}

READ = (
    PEAK_KB
    + """
import sys
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.questions import read_passages
before = peak_kb()
try:
    read_passages(sys.argv[1])
except UserError as error:
    print(peak_kb() - before, error)
"""
)


def bomb(path, content, size=4096 * _MB):
    """Gigabytes in a few megabytes on the disk: a file may be packed in many parts."""
    part = gzip.compress(content * (16 * _MB // len(content)), 9)
    with path.open("wb") as out:
        for _ in range(size // (16 * _MB)):
            out.write(part)


def read_alone(path):
    """By how many kB a process of its own grew by reading, and the line it refused with."""
    command = [sys.executable, "-c", READ, str(path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    grown, _, line = said.partition(" ")
    return int(grown), line


@needs_proc
@pytest.mark.parametrize("name", ["q.jsonl.gz", "q.json.gz"])
@pytest.mark.parametrize("kind", BOMBS)
def test_four_gigabytes_in_a_packed_file_take_neither_time_nor_memory(tmp_path, kind, name):
    bomb(tmp_path / name, BOMBS[kind])
    began = time.monotonic()
    grown, line = read_alone(tmp_path / name)
    assert name in line and len(line) < 500, line
    assert grown < 1000 * 1024, "kB"
    assert time.monotonic() - began < 60


def test_a_bomb_is_one_line_of_the_command(tmp_path, capsys):
    bomb(tmp_path / "q.jsonl.gz", b"\n")
    flags = [f"--output_dir={tmp_path / 'run'}", "--train_corpus=embedded"]
    assert main(["demonstrate", *flags, f"--train_questions={tmp_path / 'q.jsonl.gz'}"]) == 2
    assert "q.jsonl.gz has more than 100,000 empty lines in a row" in capsys.readouterr().err.strip().splitlines()[-1]


@needs_proc
def test_a_line_of_a_gigabyte_without_an_end_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "c.jsonl").open("wb") as out:
        out.write(b'{"id": "1", "text": "')
        out.truncate(1024 * _MB)  # no place on the disk
    grown, line = read_alone(tmp_path / "c.jsonl")
    assert re.search(r"line 1 of .*c\.jsonl is longer than", line), line
    assert grown < 400 * 1024, "kB"


def test_what_repeats_itself_fifty_times_and_is_meant_is_read(tmp_path):
    """One passage shown under many questions is packed by far more than texts are."""
    passage = " ".join(f"word{i * 7919 % 1000}" for i in range(300))
    with gzip.open(tmp_path / "q.jsonl.gz", "wt") as out:
        for i in range(60_000):
            out.write(json.dumps({"id": f"q{i}", "question": f"What is {i}?", "passages": [passage]}) + "\n")
    unpacked = 60_000 * len(passage)
    assert unpacked > 100 * _MB and unpacked / (tmp_path / "q.jsonl.gz").stat().st_size > 50
    assert sum(1 for _ in read_rows(str(tmp_path / "q.jsonl.gz"), "train")) == 60_000


LONG = {
    "a question": (
        {"question": "Why " * 25_000_000},
        "'question' has 100,000,000 characters: shorten it to at most 1,000,000",
    ),
    "an answer": ({"answers": ["x" * 2_000_000]}, "'answers' has 2,000,000 characters"),
    "an id": ({"id": "x" * 2_000_000}, "'id' has 2,000,000 characters"),
    "a passage": ({"passages": [{"text": "x" * 40_000_000}]}, "'passages.text' has 40,000,000 characters"),
    "a list as text": ({"answers": "[1, " * 500_000}, "'answers' has 2,000,000 characters"),
}


@pytest.mark.parametrize("kind", LONG)
def test_a_huge_cell_is_refused_by_its_row(tmp_path, kind):
    fields, words = LONG[kind]
    row = {"id": "2", "question": "Why?", "answers": ["so"], "passages": [{"text": "So."}]}
    rows = [row | {key: type(value)() for key, value in fields.items()} | {"id": "1", "question": "Why?"}, row | fields]
    (tmp_path / "q.json").write_text(json.dumps(rows))
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "q.parquet")
    for name in ("q.json", "q.parquet"):
        began = time.monotonic()
        with pytest.raises(UserError) as refused:
            read_questions(str(tmp_path / name), columns=["passages=passages"])
        assert f"row 2 of {tmp_path / name}" in str(refused.value) and words in str(refused.value)
        assert len(str(refused.value)) < 500 and time.monotonic() - began < 20


def test_a_passage_of_100_megabytes_in_parquet_is_refused_by_its_row(tmp_path):
    parquet.write_table(pyarrow.table({"id": ["1"], "text": ["word " * 20_000_000]}), tmp_path / "c.parquet")
    with pytest.raises(UserError, match=r"row 1 of .*c\.parquet: column 'text' has 100,000,000 characters"):
        read_passages(str(tmp_path / "c.parquet"))
