"""Runs become small records, or none at all where they cannot be compared."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import collect
import pytest
from made_up_runs import BASE, EVIDENCE, WHENCE, evaluated, replies, run, study_folder, trained
from records import read_study

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.evaluation.evaluated import PLAIN


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    run(folder, "self_demo-0", "ccccia" + "aai" + "aca")
    run(folder, "self_demo-1", "cciiii" + "aaa" + "aaa")
    return folder


def collected(runs, **options):
    study = study_folder(runs.parent)
    return study.records, collect.collect(study, runs, WHENCE, **options)


def test_a_record_tells_what_the_run_took(runs):
    target, _ = collected(runs)
    record = read_study(target).records["self_demo-0"]
    assert (record["row"], record["seed"]) == ("self_demo", 0)
    assert record["demonstrations"]["usage"]["generated_tokens"] == 140  # made and found in the ledger
    assert record["demonstrations"]["skipped"] == {
        "no candidate is correct although the passages contain the answer": 2
    }
    on_policy = {"base": {"on_policy/chosen": 0.75}, "tuned": {"on_policy/chosen": 0.25}}
    assert record["training"] == {"rows": 7, "steps": 3, "tokens": 4000, "seconds": 12.5, "on_policy": on_policy}
    assert record["evaluations"]["test"]["usage"]["calls"] == 4
    assert record["versions"]["engine"] == "2.12.0, 2.13.0"
    assert {key: record[key] for key in WHENCE} == WHENCE


def test_training_keys_at_their_defaults_are_left_out(runs):
    target, _ = collected(runs)
    keys = read_study(target).records["self_demo-0"]["keys"]
    assert keys["training"] == {"objective": "sft", "seed": 0, "learning_rate": 0.5}
    assert keys["demonstrations"] == {"method": "self_demo", "rag_candidates": 3, "abstain_when": "not_in_context"}


def test_no_record_names_a_folder_of_the_machine(runs):
    target, _ = collected(runs)
    assert read_study(target).records["self_demo-0"]["keys"]["data"]["test_questions"] == ["nq.jsonl"]
    assert not [p for p in target.iterdir() if "/data/" in p.read_text() or str(runs) in p.read_text()]


def test_labels_come_back_as_they_were(runs):
    labels = "uciaci" + "aui" + "cau"
    run(runs, "raft-2", labels)
    study = read_study(collected(runs)[0])
    for mode, given in {"rag": labels, "closed_book": "ciiiiiiii"}.items():
        found = study.replies(study.records["raft-2"], "test", mode, twins=True)
        expected = {p.id: replace(p, text="", mode="rag") for p in replies(given, mode)}
        assert {p.id: p for p in found} == expected
    natural = study.replies(study.records["raft-2"], "test", "rag")
    assert len(natural) == 9 and not any("gold_removed" in p.id for p in natural)


def other_rows(evidence):
    return [replace(evidence[0], answer_in_context=not evidence[0].answer_in_context), *evidence[1:]]


@pytest.mark.parametrize(
    "how, word",
    [
        ({"evidence": other_rows(EVIDENCE)}, "row 'q0'"),
        ({"settings": {"evidence": "e2"}}, "evidence"),
        ({"settings": {"templates": "t2"}}, "templates"),
        ({"judge": "j2"}, "judge's code"),
    ],
)
def test_runs_that_were_not_asked_the_same_are_refused(runs, how, word):
    run(runs, "ra_it-0", "ccccia" + "aai" + "aca", **how)
    with pytest.raises(UserError, match="differ on test in") as caught:
        collected(runs)
    assert word in str(caught.value) and "ra_it-0 and self_demo-0" in str(caught.value)
    assert not (runs.parent / "records").exists()


def test_fewer_rows_are_refused_by_the_name_of_the_first_that_is_missing(runs):
    base = {mode: labels[:-1] if mode == "rag" else labels for mode, labels in BASE.items()}
    run(runs, "ra_it-0", "ccccia" + "aai" + "ac", evidence=EVIDENCE[:-1], base=base)
    with pytest.raises(UserError, match="row 'q2#gold_removed'"):
        collected(runs)


def test_a_seed_that_is_not_the_folders_is_refused(runs):
    trained(runs / "self_demo-1", seed=0)
    with pytest.raises(UserError, match="self_demo-1 was trained with seed 0"):
        collected(runs)


def test_the_base_model_is_that_of_the_first_run_and_others_are_counted(runs):
    run(runs, "raft-0", "ccccia" + "aai" + "aca")  # the first by name
    run(runs, "zz-0", "ccccia" + "aai" + "aca", base=BASE | {"rag": "iiciiiiii" + "iia"})
    base = read_study(collected(runs)[0]).records["base"]
    assert base["evaluations"]["test"]["labels"]["closed_book"].replace(".", "") == BASE["closed_book"]
    assert base["differs"] == {"zz-0": {"test rag": 2}}


def test_the_base_model_under_a_plain_prompt_is_a_column_and_no_tuned_model(runs):
    plain, tuned = {**BASE, "rag": "cccc" + "iiiii" + "iii"}, {**BASE, "rag": "c" * 12}
    evaluated(runs / "raft-0" / "evaluation", {"base": BASE, PLAIN: plain, "tuned": tuned})
    study = read_study(collected(runs)[0])
    labels = study.records["base"]["evaluations"]["test"]["labels"]
    assert (labels["plain"], labels["rag"]) == ("".join(sorted_ids(plain["rag"])), "".join(sorted_ids(BASE["rag"])))
    assert study.records["raft-0"]["evaluations"]["test"]["labels"]["rag"] == "c" * 12


def sorted_ids(labels):
    """Letters in the order of the rows' ids, as records have them."""
    ids = [p.id for p in replies(labels)]
    return [labels[ids.index(i)] for i in sorted(ids)]


def test_what_answering_took_is_kept_by_mode(runs):
    columns = {"base": BASE, PLAIN: BASE, "active_rag": BASE, "active_rag_at_point": BASE}
    calls = {"base": 12, PLAIN: 13, "active_rag": 108, "active_rag_at_point": 120}
    evaluated(runs / "active_rag-0" / "evaluation", columns, calls=calls)
    records = read_study(collected(runs)[0]).records
    asked = {
        n: {m: a["calls"] for m, a in records[n]["evaluations"]["test"]["asking"].items()}
        for n in ("active_rag-0", "base")
    }
    assert asked == {"active_rag-0": {"rag": 108, "rag_at_point": 120}, "base": {"rag": 12, "plain": 13}}
    assert "asking" not in records["self_demo-0"]["evaluations"]["test"], "earlier versions did not tell it"


def test_a_gate_is_collected_though_only_the_base_model_was_asked_the_dev_questions(runs):
    evaluated(runs / "lagr_seq-0" / "evaluation", {"base": BASE, "lagr_seq": {**BASE, "rag": "c" * 12}})
    evaluated(runs / "lagr_seq-0" / "evaluation_dev", {"base": BASE})
    records = read_study(collected(runs)[0]).records
    assert set(records["lagr_seq-0"]["evaluations"]) == {"test"}
    assert set(records["base"]["evaluations"]) == {"test", "dev"}


OTHER = [replace(row, answer_in_context=i % 2 == 0) for i, row in enumerate(EVIDENCE[:9])]
"""The same questions with other passages, and no twins."""


def found_otherwise(runs, **how):
    columns = {"base": {"rag": "i" * 9}, "tuned": {"rag": "cicicicia"}}
    evaluated(runs / "invar_rag-0" / "evaluation", columns, evidence=OTHER, settings={"evidence": "e2"} | how)
    study_folder(runs.parent).path.joinpath("own_passages.yaml").write_text("rows: [invar_rag]")


def test_a_row_with_passages_of_its_own_has_rows_of_its_own_and_no_base_model(runs):
    found_otherwise(runs)
    study = read_study(collected(runs)[0])
    replied = study.replies(study.records["invar_rag-0"], "test", "rag")
    assert [(p.label, p.answer_in_context) for p in replied][:2] == [("correct", True), ("incorrect", False)]
    assert len(study.rows["test"]) == 12
    assert (
        study.records["base"]["differs"] == {}
        and "i" * 9 not in study.records["base"]["evaluations"]["test"]["labels"]["rag"]
    )


def test_a_row_with_passages_of_its_own_is_refused_where_anything_else_differs(runs):
    found_otherwise(runs, templates="t2")
    with pytest.raises(UserError, match="differ on test in templates"):
        collected(runs)


def test_a_row_with_passages_of_its_own_alone_has_nothing_to_be_compared_with(tmp_path):
    found_otherwise(tmp_path / "runs")
    with pytest.raises(UserError, match="no other run was evaluated on test"):
        collected(tmp_path / "runs")


def test_squad_and_dev_are_sets_of_their_own(runs):
    squad = [replace(row, question=replace(row.question, id=f"s{i}")) for i, row in enumerate(EVIDENCE[:9])]
    columns = {"base": {"rag": "ciiiiiiii"}, "tuned": {"rag": "ccciiiaaa"}}
    evaluated(runs / "self_demo-0-squad" / "evaluation", columns, evidence=squad)
    evaluated(runs / "ablation-no_cap-0" / "evaluation_dev", columns, evidence=squad[::-1])
    study = read_study(collected(runs)[0])
    assert set(study.rows) == {"test", "squad", "dev"} and "s3" in study.rows["squad"]
    assert [r["name"] for r in study.runs("self_demo", "squad")] == ["self_demo-0-squad"]
    assert [r["name"] for r in study.runs("ablation-no_cap", "dev")] == ["ablation-no_cap-0"]
    assert [r["seed"] for r in study.runs("self_demo", "test")] == [0, 1]


def test_of_several_rounds_the_last_counts(runs):
    base, others = {"rag": BASE["rag"]}, {f"round_{n}": {"rag": "i" * 12} for n in (1, 2, 9)}
    evaluated(runs / "raft-0" / "evaluation", {"base": base, **others, "round_10": {"rag": "c" * 12}})
    study = read_study(collected(runs)[0])
    assert study.records["raft-0"]["evaluations"]["test"]["labels"]["rag"] == "c" * 12


def test_other_folders_and_unfinished_runs_are_named_and_left_out(runs):
    (runs / "pool").mkdir()
    trained(runs / "raft-0", seed=0)
    target, lines = collected(runs)
    assert "pool is left out: not named <row>-<seed>" in lines and "raft-0 is left out: not evaluated so far" in lines
    assert sorted(p.stem for p in target.iterdir()) == ["base", "rows", "self_demo-0", "self_demo-1"]


def test_a_record_that_has_not_changed_keeps_its_commit(runs):
    target, _ = collected(runs)
    trained(runs / "self_demo-1", seed=1, tokens=5000)
    collect.collect(
        study_folder(runs.parent), runs, {"package": {"commit": "later", "changed": False}, "machine": "another"}
    )
    records = read_study(target).records
    assert records["self_demo-0"]["machine"] == WHENCE["machine"]
    assert records["self_demo-1"]["package"]["commit"] == "later" and records["self_demo-1"]["machine"] == "another"


def test_replies_of_named_runs_are_written_with_their_texts(runs):
    collected(runs, shown=["base", "self_demo-0"])
    lines = (runs.parent / "predictions" / "self_demo-0.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"id": "q0", "mode": "rag", "text": "correct reply", "label": "correct"}
    assert len(lines) == 12 + 9
    base = [json.loads(line)["mode"] for line in (runs.parent / "predictions" / "base.jsonl").read_text().splitlines()]
    assert (base.count("rag"), base.count("closed_book")) == (12, 9)
    with pytest.raises(UserError, match="no run 'raft-0' was evaluated on test"):
        collected(runs, shown=["raft-0"])


def test_rows_and_records_of_different_collections_are_refused(runs):
    target, _ = collected(runs)
    rows = json.loads((target / "rows.json").read_text())
    del rows["test"]["q0"]
    (target / "rows.json").write_text(json.dumps(rows))
    with pytest.raises(UserError, match=r"base\.json belongs to other test rows"):
        read_study(target)


def test_the_command_collects_and_says_so(runs, tmp_path):
    script = Path(collect.__file__)
    study = study_folder(tmp_path / "out", {})
    command = [sys.executable, str(script), str(study.path), str(runs), "--machine", "a lent one"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "self_demo-0: test" in done.stdout
    assert read_study(study.records).records["base"]["machine"] == "a lent one"
    nowhere = str(tmp_path / "nowhere")
    for names, words in (
        ([*command[2:3], nowhere], "nowhere is not a folder"),
        ([nowhere, nowhere], "contains no study"),
    ):
        refused = subprocess.run([*command[:2], *names], capture_output=True, text=True)
        assert refused.returncode == 1 and words in refused.stderr


def test_records_of_earlier_collections_stay_and_are_named(runs):
    collected(runs)
    (runs / "self_demo-0").rename(runs / "later-0")
    target, lines = collected(runs)
    assert "self_demo-0.json is from an earlier collection and stays" in lines
    assert (target / "self_demo-0.json").exists()
