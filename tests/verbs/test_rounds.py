"""Rounds: who writes what, where it goes, what stops them, and that a kill costs nothing that was done."""

import json
import sqlite3
from pathlib import Path

import pytest
from safetensors.torch import load_file
from transformers import Trainer

import hf_selfdemo.verbs.evaluate
import hf_selfdemo.verbs.rounds as stage
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.manifest import read_json, write_checked_json
from hf_selfdemo.verbs.cli import main, parse

TWO = ["--num_rounds=2", "--learning_rate=0.01"]


def manifest(folder):
    return json.loads((Path(folder) / "manifest.json").read_text())


def calls(folder):
    """What the ledger of a run holds: who was asked what."""
    with sqlite3.connect(Path(folder) / "ledger.sqlite") as db:
        return sorted(db.execute("SELECT model, stage, request FROM calls"))


@pytest.fixture
def rising(monkeypatch):
    """Let the share of false refusals come out as given, round by round, however often it is asked for."""
    count = stage.abstention_shares

    def plan(*shares):
        def told(path):
            number = path.parts[-3] if path.parts[-4] == "rounds" else "1"
            return count(path) | {"false_refusals": shares[int(number) - 1]}

        monkeypatch.setattr(stage, "abstention_shares", told)

    return plan


def test_each_round_is_written_by_the_model_of_the_round_before_and_trains_it_further(own, tmp_path, capsys):
    assert main(["run", *own, *TWO, "--num_rounds=3"]) == 0
    said, run = capsys.readouterr(), tmp_path / "run"
    folders = [run, run / "rounds/2", run / "rounds/3"]
    written, trained = ([manifest(f / name) for f in folders] for name in ("demonstrations", "model"))
    assert [m["start_from"] for m in trained] == ["", str(run / "model"), str(run / "rounds/2/model")]
    assert [m["preflight"]["warnings"] for m in trained] == [[], [], []], "each is trained on its own words"
    assert len({m["model"]["fingerprint"] for m in written}) == 3
    assert len({m["settings"]["questions_passages_twins"] for m in written}) == 1
    assert len({(f / "demonstrations/train.parquet").read_bytes() for f in folders}) == 3
    assert all(m["usage"]["calls"] > 0 and m["reused"]["calls"] == 0 for m in written), "no other model's words"
    writers = {model for model, step, _ in calls(run) if step == "rag"}
    assert len(writers) == 3 and {model for model, step, _ in calls(run) if step == "evaluate rag"} > writers
    told = manifest(run / "rounds")
    assert (told["result"], told["model"], told["stopped"]) == (3, str(run / "rounds/3/model"), "")
    assert [r["round"] for r in told["rounds"]] == [1, 2, 3] and all(r["trained"] for r in told["rounds"])
    assert [r["demonstrations"] for r in told["rounds"]] == [m["demonstrations"] for m in written]
    assert [r["on_policy"] for r in told["rounds"]] == [m["on_policy"] for m in written]
    assert all(set(r["on_policy_of_training"]) == {"base", "tuned"} for r in told["rounds"])
    assert "rounds" in said.out and "before the cap" in said.out
    columns = json.loads((run / "evaluation/figures.json").read_text())["columns"]
    assert list(columns) == ["base", "round_1", "round_2", "round_3"]


@pytest.mark.parametrize("kind", [["--use_peft=false"], ["--objective=dpo"]], ids=["full", "dpo"])
def test_whole_models_and_preferences_go_round_too(own, tmp_path, kind):
    assert main(["rounds", *own, *TWO, *kind]) == 0
    run, name = tmp_path / "run", "model" if "use_peft" in kind[0] else "adapter_model"
    first, second = (load_file(f / f"model/{name}.safetensors") for f in (run, run / "rounds/2"))
    assert first.keys() == second.keys() and any(bool((first[k] != second[k]).any()) for k in first)
    assert manifest(run / "rounds")["result"] == 2


def test_a_run_killed_anywhere_goes_on_and_repeats_nothing(own, tmp_path, monkeypatch):
    assert main(["run", *own, *TWO, f"--output_dir={tmp_path / 'whole'}"]) == 0
    run, whole, done = tmp_path / "run", tmp_path / "whole", []
    places = [
        (Ledger, "put", 5),  # the first round's demonstrations
        (Trainer, "training_step", 2),  # its training
        (stage, "_demonstrate", 1),  # between the rounds
        (Ledger, "put", 5),  # the second round's demonstrations: all of the first are in the ledger
        (Trainer, "training_step", 3),  # its training: the first round's is not begun again
        (stage, "_save", 1),
        (hf_selfdemo.verbs.evaluate, "predict", 2),
    ]
    step = Trainer.training_step
    monkeypatch.setattr(Trainer, "training_step", lambda *a, **k: done.append(1) or step(*a, **k))
    for where, name, number in places:
        with monkeypatch.context() as patch:
            patch.setattr(where, name, interrupting(getattr(where, name), number))
            assert main(["run", *own, *TWO]) == 130, name
    assert main(["run", *own, *TWO]) == 0
    assert len(done) == 1 + 4 + 2 + 4, "a training that was killed begins anew, a finished one never"
    assert calls(run) == calls(whole), "and no call is made twice, nor another one"
    for folder in ("", "rounds/2/"):
        for name in ("demonstrations/train.parquet", "model/adapter_model.safetensors"):
            assert (run / folder / name).read_bytes() == (whole / folder / name).read_bytes()
    assert manifest(run / "rounds")["rounds"] == manifest(whole / "rounds")["rounds"]
    assert (run / "evaluation/table.md").read_text() == (whole / "evaluation/table.md").read_text()


def test_a_round_that_was_made_before_a_key_was_known_is_made_already(own, tmp_path, capsys):
    assert main(["rounds", *own, *TWO, "--max_steps=1"]) == 0
    path = tmp_path / "run/rounds/2/demonstrations/manifest.json"
    made = read_json(path)
    write_checked_json(path, made | {"settings": {k: v for k, v in made["settings"].items() if k != "greedy_first"}})
    before = path.read_bytes()
    capsys.readouterr()
    assert main(["rounds", *own, *TWO, "--max_steps=1"]) == 0
    assert "rounds/2/demonstrations is complete" in " ".join(capsys.readouterr().err.split())
    assert path.read_bytes() == before


def interrupting(function, number):
    """The function until it is called for the n-th time."""
    seen = []

    def called(*args, **kwargs):
        seen.append(1)
        if len(seen) == number:
            raise KeyboardInterrupt
        return function(*args, **kwargs)

    return called


def test_rising_refusals_stop_the_rounds_and_the_former_model_stays_the_result(own, tmp_path, capsys, rising):
    rising(0.15, 0.4, 0.4)
    assert main(["run", *own, *TWO, "--num_rounds=3"]) == 0
    said, run = capsys.readouterr(), tmp_path / "run"
    line = "the rounds stop, because the rate of false refusals rose by more than max_refusal_rise"
    assert line in " ".join(said.err.split())
    told = manifest(run / "rounds")
    assert told["stopped"].startswith(line) and told["stopped"].endswith(
        "from 15% in round 1 to 40% in round 2. The model of round 1 is the result"
    )
    assert (told["result"], told["model"]) == (1, str(run / "model"))
    figures = [(r["round"], r["trained"], r["false_refusals"]) for r in told["rounds"]]
    assert figures == [(1, True, 0.15), (2, False, 0.4)]
    assert not (run / "rounds/2/model").exists() and not (run / "rounds/3").exists()
    assert set(json.loads((run / "evaluation/figures.json").read_text())["columns"]) == {"base", "round_1"}
    assert main(["rounds", *own, *TWO, "--num_rounds=3", "--max_refusal_rise=0.3"]) == 0
    assert manifest(run / "rounds")["result"] == 3, "with a higher limit the rounds go on from there"
    assert main(["rounds", *own, *TWO, "--num_rounds=3"]) == 0
    assert manifest(run / "rounds")["result"] == 1, "with a lower one what lies beyond it no longer counts"


@pytest.mark.parametrize(
    ("before", "after", "stops"),
    [(0.1, 0.2, False), (0.1, 0.21, True), (0.5, 0.1, False), (None, 0.9, False), (0.1, None, False)],
)
def test_only_a_rise_above_the_limit_stops(before, after, stops):
    said = stage.refusals_rose({"round": 1, "false_refusals": before}, {"round": 2, "false_refusals": after}, 0.1)
    assert bool(said) == stops and "\n" not in said


def test_shares_count_what_was_written_unasked_where_the_answer_was_shown(tmp_path):
    def row(outcome, skipped="", shown=True, **labels):
        candidates = [{"source": s, "label": label} for s, found in labels.items() for label in found.split()]
        return {"answer_in_context": shown, "outcome": outcome, "skipped": skipped, "candidates": candidates}

    rows = [
        row("answer", rag="correct abstain", refusal="abstain abstain"),
        row("answer", rag="incorrect unscored", closed_book="abstain"),
        row("abstain", rag="abstain", refusal="abstain"),
        row("abstain", skipped="abstention over max_abstain_share 0.5", shown=False, rag="abstain abstain"),
        row("", skipped="no candidate is correct or recognised as an abstention", rag="incorrect"),
    ]
    path = tmp_path / "candidates.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert stage.abstention_shares(path) == {"false_refusals": 2 / 5, "abstain_before_cap": 2 / 4, "abstain": 1 / 3}
    path.write_text("")
    assert set(stage.abstention_shares(path).values()) == {None}


def test_later_rounds_keep_the_ledger_and_the_searched_prompts_of_the_first(own, tmp_path):
    run = tmp_path / "run"
    third = stage._recipe_of(parse([*own, "--num_rounds=3", "--prompt_search"]), 3)
    assert third.search.prompts_dir == str(run / "prompts") and third.output_dir == run / "rounds/3"
    assert third.engine.ledger == str(run / "ledger.sqlite")
    assert third.train.start_from == str(run / "rounds/2/model")
    mine = stage._recipe_of(parse([*own, "--num_rounds=3", "--prompts_dir=mine", "--ledger=all.sqlite"]), 2)
    assert (mine.search.prompts_dir, mine.engine.ledger) == ("mine", "all.sqlite")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num_rounds=0"], "num_rounds is 0: give 1 or more"),
        (["--num_rounds=2", "--method=raft"], "num_rounds is 2, but method 'raft' uses no model"),
        (["--num_rounds=2", "--engine=server", "--server_url=http://x"], "engine is 'server', which cannot load"),
        (["--num_rounds=2", "--shard=0/2"], "num_rounds is 2, but shard is set"),
        (["--max_refusal_rise=1.5"], "max_refusal_rise is 1.5: give a share between 0 and 1"),
    ],
)
def test_what_cannot_go_round_is_refused_before_anything_is_done(own, refused, tmp_path, flags, message):
    if "--method=raft" in flags:
        own = [flag for flag in own if "_candidate" not in flag and "_abstain_" not in flag]  # these are self_demo's
    assert message in refused("run", *own, *flags)
    assert not (tmp_path / "run").exists()


def test_evaluating_rounds_needs_rounds(own, refused):
    assert "run `hf-selfdemo rounds` with the same config first" in refused("evaluate", *own, "--num_rounds=2")
