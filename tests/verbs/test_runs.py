"""`hf-selfdemo runs`: lists runs, says which is better, and removes one without losing what is shared."""

import json

import pytest

from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question
from hf_selfdemo.evaluation.evaluated import Evaluation, comparison_of, write_manifest, write_predictions, write_rows
from hf_selfdemo.evaluation.report import write_figures
from hf_selfdemo.verbs import runs
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.lock import held


@pytest.fixture
def finished(tmp_path):
    """Writes a run that was evaluated: six questions, of which the trained model answers so many right."""

    def write(name, right, **models):
        run = tmp_path / "runs" / name
        write_json(run / "demonstrations/run.json", {})
        write_json(
            run / "demonstrations/manifest.json", {"settings": {"method": "ra_it"}, "model": {"name": "made/up"}}
        )
        write_json(run / "model/manifest.json", {"base": "made/up", "settings": {"objective": "dpo"}})
        (run / "ledger.sqlite").write_text("paid for")
        (run / "index/train").mkdir(parents=True)
        rows = [
            Evidence(Question(f"q{i}", "Who?", ("Ada",)), (Passage("p", "Ada did."),), answer_in_context=True)
            for i in range(6)
        ]
        folder = run / "evaluation"
        write_rows(folder, rows)
        for column, hits in (("base", 2), ("tuned", right)):
            labels = ["correct"] * hits + ["incorrect"] * (6 - hits)
            said = [
                Prediction(row.id, "rag", label, label, True, True) for row, label in zip(rows, labels, strict=True)
            ]
            write_predictions(folder, column, "rag", said)
        keys = ("models", "judges", "usage", "reused", "training")
        settings = {"base": "b", "templates": "t", "evidence": "e", "max_answer_tokens": 32}
        about = {"title": name, "base_model": "made/up", "settings": settings, "data": {}, "recall": {}}
        write_manifest(folder, ["rag"], {key: {"base": {}, "tuned": {}} for key in keys} | {"models": models}, about)
        write_figures(folder, comparison_of(Evaluation(folder), ["base", "tuned"]))
        return run

    return write


def test_list_tells_how_far_each_run_has_come_and_its_figures(finished, tmp_path, capsys):
    finished("group/good", 5)
    write_json(tmp_path / "runs/begun/demonstrations/run.json", {})
    (tmp_path / "runs/notes").mkdir()
    assert main(["runs", "list", str(tmp_path / "runs")]) == 0
    lines = capsys.readouterr().out.splitlines()
    [good] = [line for line in lines if "group/good" in line]
    assert [cell.strip() for cell in good.split("│")[1:8]] == [
        *("group/good", "evaluated", "ra_it (dpo)", "up", "tuned", "0.83", "0.17"),
    ]
    assert any("begun" in line and "demonstrations unfinished" in line for line in lines) and not any(
        "notes" in x for x in lines
    )


def test_list_says_where_a_command_is_running(finished, tmp_path, capsys):
    runs_folder = tmp_path / "runs"
    good = finished("good", 5)
    for held_lock in (held(good), held(good, "1/2")):
        with held_lock:
            assert main(["runs", "list", str(runs_folder)]) == 0
            out = capsys.readouterr().out
            assert "running" in out and "evaluated" not in out
    (good / ".lock").touch()  # of a command that was killed
    assert main(["runs", "list", str(runs_folder)]) == 0
    assert "evaluated" in capsys.readouterr().out


def test_list_has_a_line_for_each_trained_model(finished, tmp_path, capsys):
    run = finished("good", 5, base="", tuned="runs/good/model")
    write_json(run / "model-2/run.json", {})
    assert main(["runs", "list", str(tmp_path / "runs")]) == 0
    shown = [[cell.strip() for cell in line.split("│")[1:8]] for line in capsys.readouterr().out.splitlines()]
    assert [row[4:6] for row in shown if len(row) == 7 and row[4].startswith(("tuned", "model"))] == [
        ["tuned", "0.83"],
        ["model-2", ""],
    ]


def test_a_damaged_run_is_named_and_the_others_are_listed(finished, tmp_path, capsys):
    finished("good", 5)
    (finished("torn", 5) / "model/manifest.json").write_text("{")
    assert main(["runs", "list", str(tmp_path / "runs")]) == 0
    said = capsys.readouterr()
    assert "torn/model/manifest.json is not JSON" in said.err and "damaged" in said.out and "0.83" in said.out


def test_compare_sets_runs_beside_the_first(finished, capsys):
    one, two = finished("one", 3), finished("two", 6)
    assert main(["runs", "compare", str(one), str(two), f"base={one}:base"]) == 0
    figures = json.loads((one / "comparisons/one-two-base/figures.json").read_text())
    changes = {change["after"]: change["figures"][0]["change"] for change in figures["changes"]}
    assert changes == {"two": pytest.approx(0.5), "base": pytest.approx(-1 / 6)}
    assert "report:" in capsys.readouterr().err


def test_columns_of_one_run_are_compared_under_their_own_names(finished):
    run = finished("one", 3)
    assert main(["runs", "compare", f"{run}:base", f"{run}:tuned"]) == 0
    assert (run / "comparisons/one-base-one-tuned/figures.json").exists()


def test_remove_asks_and_leaves_what_is_shared_or_of_others(finished, monkeypatch, capsys):
    run = finished("mine", 5)
    (run / "notes.txt").write_text("mine")
    asked = []
    monkeypatch.setattr(runs, "read_line", lambda prompt: asked.append(prompt) or "n")
    assert main(["runs", "remove", str(run)]) == 0
    assert asked == [f"Remove {run}? [y/N] "] and (run / "model").is_dir()
    said = capsys.readouterr().err
    assert f"remove  {run / 'evaluation'}" in said and f"keep    {run / 'ledger.sqlite'}  8 B" in said
    monkeypatch.setattr(runs, "read_line", lambda prompt: "y")
    assert main(["runs", "remove", str(run)]) == 0
    assert sorted(path.name for path in run.iterdir()) == ["index", "ledger.sqlite", "notes.txt"]


def test_a_run_without_anything_shared_goes_altogether(finished, tmp_path):
    write_json(tmp_path / "run/demonstrations/run.json", {})
    assert main(["runs", "remove", str(tmp_path / "run"), "--yes"]) == 0
    assert not (tmp_path / "run").exists()


def test_links_are_removed_and_what_they_lead_to_stays(finished, tmp_path):
    run, elsewhere = finished("mine", 5), tmp_path / "elsewhere"
    (run / "model").rename(elsewhere)
    (run / "model").symlink_to(elsewhere)
    assert main(["runs", "remove", str(run), "--yes"]) == 0
    assert (elsewhere / "manifest.json").exists() and not (run / "model").is_symlink()


def test_nothing_is_removed_that_is_not_a_run_or_at_work_or_unconfirmed(finished, tmp_path, refused, monkeypatch):
    run = finished("mine", 5)
    assert "is not a run: name a folder that `hf-selfdemo runs list` shows" in refused("runs", "remove", str(tmp_path))
    assert "did you mean" in refused("runs", "remove", str(tmp_path / "runs/mne"))
    (tmp_path / "link").symlink_to(run)
    assert "is a symbolic link to" in refused("runs", "remove", str(tmp_path / "link"), "--yes")
    with held(run):
        assert "another command is running" in refused("runs", "remove", str(run), "--yes")
    monkeypatch.setattr(runs, "read_line", lambda prompt: None)
    assert "was not removed, because nobody confirmed it: add --yes" in refused("runs", "remove", str(run))
    assert (run / "model").is_dir() and (run / "evaluation").is_dir()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["lst"], "unknown argument 'lst' of runs: did you mean 'list'?"),
        (["compare", "runs/a"], "one run cannot be compared"),
        (["remove"], "has the wrong number of arguments"),
        (["list", "nowhere"], "there is no folder nowhere"),
    ],
)
def test_mistaken_words_are_one_line(refused, tmp_path, monkeypatch, words, line):
    monkeypatch.chdir(tmp_path)
    assert line in refused("runs", *words)
