"""Words of others reach the terminal as words: no mark-up, no escape sequence, no error after all is done."""

import io
import json
import logging
import shutil
import warnings

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hf_selfdemo.core import console
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.ability.report import Measured, ability_figures, ability_table
from hf_selfdemo.evaluation.report import terminal_table
from hf_selfdemo.verbs.cli import main, reported

HOSTILE = "[/INST] [/x] [bold]no[/bold] :smile: \x1b]0;owned\x07 \x1b[2J\x9b31m \u202egnp\u202c \ud800 a\rb"
COMMANDS = set("\x07\x08\r\x1b\x9b\u202e\u202c\ud800")


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Standard output and error as a terminal with colours: reads what it was sent, and how that looks."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "400"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(console, "_log", console._Plain(stderr=True, force_jupyter=False))

    def read():
        sent = "".join(capsys.readouterr())
        return sent, Text.from_ansi(sent).plain

    return read


def table():
    made = Table(HOSTILE, title=HOSTILE)
    made.add_row(HOSTILE)
    made.add_row(Text(HOSTILE))
    return made


def fail():
    raise UserError(HOSTILE, "fix it")


WAYS = {
    "a line": lambda: console.say(HOSTILE),
    "a line with a style": lambda: console.say(HOSTILE, "bold"),
    "a result": lambda: console.show(HOSTILE),
    "a table": lambda: console.show(table()),
    "an error": lambda: reported(fail),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_text_is_shown_as_it_is(terminal, way):
    WAYS[way]()
    sent, seen = terminal()
    for part in ("[/INST] [/x] [bold]no[/bold] :smile:", "⟨U+001B⟩]0;owned⟨U+0007⟩", "⟨U+202E⟩gnp⟨U+202C⟩"):
        assert part in " ".join(seen.split())
    assert not (COMMANDS - {"\x1b"}) & set(sent) and "\x1b]" not in sent and "\x1b[2J" not in sent
    sent.encode()


def test_a_table_stays_aligned(terminal):
    console.show(table())
    lines = [line for line in terminal()[1].splitlines() if line.startswith(("│", "┃"))]
    assert len(lines) == 3 and len({len(line) for line in lines[:2]}) == 1


def test_bars_and_spinners_show_a_text_as_it_is(terminal):
    with console.progress(HOSTILE, 2) as advance:
        advance(1, note=HOSTILE)
    with console.waiting(HOSTILE):
        pass
    sent, seen = terminal()
    assert "[/INST] [/x] [bold]no[/bold]" in seen
    assert not {"\x07", "\x9b", "\u202e", "\ud800"} & set(sent) and "\x1b]0" not in sent


def test_logs_and_warnings_of_libraries_go_the_same_way(monkeypatch):
    sent, root = io.StringIO(), logging.getLogger()
    monkeypatch.setattr("sys.stderr", sent)
    monkeypatch.setattr(root, "handlers", [])
    logging.captureWarnings(False)  # a verb that ran before in this process has left it on
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    try:
        console.log_plainly(logging.WARNING)
        logging.getLogger("other").warning("row %s", HOSTILE)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(HOSTILE, stacklevel=1)
    finally:
        logging.captureWarnings(False)
    assert sent.getvalue().count("⟨U+001B⟩]0;owned⟨U+0007⟩") >= 2 and not COMMANDS & set(sent.getvalue())


def test_the_tables_of_the_library_hold_text_whoever_prints_them():
    said = [Prediction("1", "rag", "t", "correct", True, True)]
    figures = ability_figures([], {HOSTILE: Measured(replies=[(2.0, 4)])})
    for made in (terminal_table({HOSTILE: {"rag": said}}, HOSTILE), ability_table(figures, HOSTILE)):
        theirs = Console(width=400, file=io.StringIO())
        theirs.print(made)
        assert "[/INST] [/x] [bold]no[/bold]" in theirs.file.getvalue() and not COMMANDS & set(theirs.file.getvalue())


NAMES = ["run[/x]", "run [red] \x1b]0;owned\x07 \u202e"]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_ends_well_whatever_its_texts_and_names(model_folder, tmp_path, capsys, name):
    rows = [
        {
            "id": f"q{i} [/x] \x1b[31m",
            "question": f"[/INST] Who built hall {i}? \x1b]0;owned\x07",
            "answers": [f"Ada {i}"],
            "ctxs": [{"id": f"p{i}", "title": "[/x]", "text": f"Ada {i} built it. [/INST] \x1b[2J\u202e"}],
        }
        for i in range(4)
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shutil.copytree(model_folder, tmp_path / "copy")
    keys = [
        *(f"--output_dir={tmp_path / name}", f"--model_name_or_path={model_folder}", "--method=ra_it"),
        *(f"--train_questions={tmp_path / 'q.jsonl'}", f"--test_questions={tmp_path / 'q.jsonl'}", "--retriever=given"),
        *("--preset=dpr", "--passages_per_question=1", "--max_train_unanswerable=0", "--max_test_unanswerable=0"),
        *(
            "--max_answer_tokens=4",
            "--num_train_epochs=1",
            "--per_device_train_batch_size=2",
            "--lora_r=2",
            "--use_cpu",
        ),
        *("--on_policy_rows=2", "--meter_rows=2", "--predictions_shown=2", "--train_corpus=questions"),
        "--test_corpus=questions",
    ]
    for verb in (["run"], ["preflight"], ["ledger"], ["evaluate", "--adapters", f"[red]={tmp_path / 'copy'}"]):
        assert main([*verb, *keys]) == 0
    assert main(["evaluate", *keys, "--compare", "base", "[red]"]) == 0
    assert main(["export", *keys]) == 0
    assert main(["push", *keys, "--dry_run", "--artefacts", "dataset", "--source_license=mit"]) == 0
    told = "".join(capsys.readouterr())
    assert "[/INST] Who built hall 0? ⟨U+001B⟩]0;owned⟨U+0007⟩" in told and "[red]" in told
    assert not {"\x07", "\x1b", "\u202e"} & set(told)
