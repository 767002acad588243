"""`hf-selfdemo export`: what other tools are given, and what is refused."""

import json
import shutil

import pytest

from hf_selfdemo.core.remade import RECORD
from hf_selfdemo.verbs.cli import main


@pytest.fixture
def evaluated(gold, model_folder, tmp_path):
    """The recipe with replies of the base and of a copy of it."""
    shutil.copytree(model_folder, tmp_path / "copy")
    assert main(["evaluate", *gold, "--adapters", f"copy={tmp_path / 'copy'}"]) == 0
    return gold


def rows(path):
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def test_tasks_hold_the_test_rows_of_the_recipe(gold, tmp_path, capsys):
    assert main(["export", *gold]) == 0
    folder = tmp_path / "run/export/lm_eval"
    assert {p.name for p in folder.iterdir()} == {"selfdemo_rag.yaml", "rag.jsonl", "utils.py", RECORD}, (
        "one mode was asked for"
    )
    assert len(rows(folder / "rag.jsonl")) == 3 and "max_gen_toks: 4" in (folder / "selfdemo_rag.yaml").read_text()
    assert "selfdemo_rag.yaml" in capsys.readouterr().err


def test_rows_for_ragas_are_the_replies_of_every_model(evaluated, tmp_path):
    assert main(["export", *evaluated, "--export_to=ragas"]) == 0
    written = {p.name: rows(p) for p in (tmp_path / "run/export/ragas").glob("*.jsonl")}
    assert set(written) == {"base.jsonl", "copy.jsonl"} and written["base.jsonl"] == written["copy.jsonl"]
    predictions = rows(tmp_path / "run/evaluation/predictions/base.rag.jsonl")
    assert [row["response"] for row in written["base.jsonl"]] == [p["text"] for p in predictions]
    assert all(len(row["retrieved_contexts"]) == 2 for row in written["base.jsonl"])


def test_what_was_not_written_by_an_export_stays(gold, refused, tmp_path):
    folder = tmp_path / "run/export/lm_eval"
    assert main(["export", *gold]) == 0
    (folder / "notes.txt").write_text("mine")
    assert main(["export", *gold]) == 0
    (folder / "utils.py").write_text("changed by hand")
    assert f"{folder / 'utils.py'} was not written by this run, or was changed since" in refused("export", *gold)
    assert (folder / "utils.py").read_text() == "changed by hand" and (folder / "notes.txt").read_text() == "mine"
    assert list(folder.parent.iterdir()) == [folder], "nothing half-made is left"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--export_to=lmeval"], "unknown export_to 'lmeval': did you mean 'lm_eval'?"),
        (["--export_to=ragas"], "contains no replies with passages: run `hf-selfdemo evaluate` first"),
        (["--evaluate_judge=llm_label"], "evaluate_judge is 'llm_label', but lm_eval can only match answers"),
        (["--evaluate_modes", "rga"], "evaluate_modes: 'rga' is unknown: did you mean 'rag'?"),
    ],
)
def test_what_cannot_be_exported_is_refused(gold, refused, tmp_path, flags, message):
    assert message in refused("export", *gold, *flags)
    assert not (tmp_path / "run/export").exists()


def test_replies_to_other_questions_are_refused(evaluated, refused):
    said = refused("export", *evaluated, "--export_to=ragas", "--max_test_questions=2")
    assert "the replies belong to other questions than those of the recipe" in said
