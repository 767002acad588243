"""Signals and withheld answers in records, rows at their operating points, and the curves that follow."""

from __future__ import annotations

import random
from dataclasses import replace

import collect
import numpy as np
import pytest
import tables
import yaml
from curves import curve, mean_curve, system_curve
from figures import systems
from made_up_runs import EVIDENCE, ROWS, WHENCE, attempted, evaluated, replies, run, study_folder
from plots import draw
from points import AIM
from records import read_study
from signal_tables import QUESTIONS, _area

from hf_selfdemo.core.types import Evidence, Question
from hf_selfdemo.scoring.confidence import attempt
from hf_selfdemo.scoring.operating_point import choose_point

LABELS = {"base": "base, plain", "base_may_decline": "base, may decline", "ra_it": "RA-IT", "self_demo": "ours"}
OURS, WITHHELD = "ccacia" + "aai" + "aca", "..c..i" + "ic." + "i.i"
SURE = [0.9, 0.8, 0.7, 0.6, 0.5, 0.123456, *[0.3, 0.2, 0.1], *[0.0, -1.5, 0.4]]
AT_POINT = "ccccii" + "aac" + "aaa"
BASE = {"rag": "ccciiiiii" + "iia"}


@pytest.fixture
def study(tmp_path):
    """A study with one run that withheld some answers, and was asked at its operating point, too."""
    folder = study_folder(tmp_path, LABELS)
    run(tmp_path / "runs", "ra_it-0", "ccccci" + "iii" + "iic", base={"rag": BASE["rag"], "closed_book": "c" * 9})
    columns = {"base": BASE, "tuned": {"rag": OURS}, "tuned_at_point": {"rag": AT_POINT}}
    evaluated(tmp_path / "runs/self_demo-0/evaluation", columns, attempts={"tuned": (WITHHELD, SURE)})
    collect.collect(folder, tmp_path / "runs", WHENCE)
    return folder


def test_withheld_answers_and_signals_come_back_as_they_were(study):
    records = read_study(study.records)
    found = {p.id: p for p in records.replies(records.records["self_demo-0"], "test", "rag", twins=True)}
    for expected in attempted(replies(OURS), WITHHELD, SURE):
        said, tried = found[expected.id], attempt(expected)
        assert said.label == expected.label
        assert (said.withheld is None) == (expected.withheld is None)
        assert (attempt(said) is None) == (tried is None)
        if tried:
            assert attempt(said).label == tried.label
            assert dict(attempt(said).signals) == pytest.approx(dict(tried.signals), rel=1e-3)


def test_a_reply_that_told_no_signal_has_none(study):
    records = read_study(study.records)
    told = records.replies(records.records["ra_it-0"], "test", "rag")
    assert all(p.signals == () and p.withheld is None for p in told)
    assert {"signals", "withheld"}.isdisjoint(records.records["ra_it-0"]["evaluations"]["test"])
    assert set(records.records["self_demo-0"]["evaluations"]["test"]["labels"]) == {"rag", "rag_at_point"}


def test_a_model_at_its_operating_point_is_a_row_below_its_own(study):
    text = tables.tables(study, read_study(study.records), 100)
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ours")]
    assert [row[0] for row in rows[:2]] == ["| ours", "| ours, at its point"]
    assert [row[1] for row in rows[:2]] == ["0.33", "0.56"]  # correct
    assert "Not run so far: ours, at its point" not in text
    assert not [row for row in rows if "at its point" in row[0] and "4,000" in row]  # costs are those of the model


def test_at_a_threshold_the_surer_attempts_are_shown():
    said = attempted(replies("cia" + "aaa", evidence=ROWS[:6]), "..c" + "i.u", [0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    line = curve(said, [0.9, 0.8, 0.7, 0.6, None, 0.4])
    assert line.answered.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])  # five are scored, one has no attempt
    assert line.correct.tolist() == pytest.approx([0, 0.2, 0.2, 0.4, 0.4])
    assert line.incorrect.tolist() == pytest.approx([0, 0, 0.2, 0.2, 0.4])


def test_attempts_that_are_equally_sure_are_never_told_apart():
    line = curve(replies("ciic", evidence=ROWS[:4]), [0.5, 0.5, 0.5, 0.2])
    assert line.correct.tolist() == pytest.approx([0, 0.25, 0.5])
    assert line.incorrect.tolist() == pytest.approx([0, 0.5, 0.5])


def test_seeds_are_averaged_where_they_have_answered_the_same_share():
    first = curve(replies("ccii", evidence=ROWS[:4]), [4, 3, 2, 1])
    other = curve(replies("iicc", evidence=ROWS[:4]), [4, 3, 2, 1])
    line = mean_curve([first, other])
    assert np.interp([0.5, 1], line.answered, line.correct) == pytest.approx([0.25, 0.5])
    assert np.interp([0.5, 1], line.answered, line.incorrect) == pytest.approx([0.25, 0.5])


def rows(count, prefix):
    return [Evidence(Question(f"{prefix}{i:03}", "?", ("N",)), (), i % 2 > 0) for i in range(count)]


def sure_study(tmp_path, dev):
    """A model whose signal tells right from wrong, and that withheld what it was not sure of."""
    draw_of = random.Random(3)

    def made(evidence):
        right = [draw_of.random() < 0.5 for _ in evidence]
        sure = [draw_of.gauss(1.0 if one else -1.0, 0.5) for one in right]
        label = ["c" if one else "i" for one in right]
        said = "".join("a" if s < 0 else one for s, one in zip(sure, label, strict=True))
        withheld = "".join(one if s < 0 else "." for s, one in zip(sure, label, strict=True))
        columns = {"base": {"rag": "i" * len(evidence)}, "tuned": {"rag": said}}
        return {"columns": columns, "evidence": evidence, "attempts": {"tuned": (withheld, sure)}}

    folder = study_folder(tmp_path, LABELS)
    for seed in (0, 1):
        place = tmp_path / f"runs/self_demo-{seed}"
        evaluated(place / "evaluation", **made(rows(120, "t")))
        if dev:
            evaluated(place / "evaluation_dev", **made(rows(80, "d")))
    collect.collect(folder, tmp_path / "runs", WHENCE)
    return folder, read_study(folder.records)


@pytest.mark.parametrize("dev", [True, False])
def test_the_curve_goes_on_where_the_model_declined(tmp_path, dev):
    _, study = sure_study(tmp_path, dev)
    ours = systems(study, "test", LABELS)["self_demo"]
    line = system_curve(study, "test", ours)
    assert line.answered[-1] == pytest.approx(1)  # though it declined nearly half
    assert all(0.3 < sum(p.label == "abstain" for p in said) / 120 < 0.7 for said in ours.shown)
    half = np.interp(0.5, line.answered, line.correct)
    assert half > 0.45 and np.interp(1, line.answered, line.correct) == pytest.approx(0.5, abs=0.1)


def test_a_mix_of_dev_rows_never_sees_a_label_of_the_test_rows(tmp_path):
    _, study = sure_study(tmp_path, dev=True)
    before = system_curve(study, "test", systems(study, "test", LABELS)["self_demo"])
    for record in study.records.values():
        found = record["evaluations"]["test"]
        for kind in ("labels", "withheld"):
            flipped = {mode: letters.translate(str.maketrans("ci", "ic")) for mode, letters in found[kind].items()}
            found[kind] = flipped
            if record["name"] == "base":
                break
    after = system_curve(study, "test", systems(study, "test", LABELS)["self_demo"])
    assert after.answered == pytest.approx(before.answered) and after.correct == pytest.approx(before.incorrect)


def test_the_plane_is_drawn_where_there_is_a_curve_and_repeats_to_the_byte(tmp_path):
    _, study = sure_study(tmp_path, dev=True)
    found = systems(study, "test", LABELS)
    first, again = (draw(study, found, tmp_path / name) for name in ("one", "two"))
    assert [path.name for path in first] == ["abstention.svg", "outcomes.svg", "plane.svg"]
    text = first[2].read_text(encoding="utf-8")
    assert text == again[2].read_text(encoding="utf-8") and all(
        f">{one}<" in text for one in ("ours", "base, may decline")
    )
    assert "fill: #ffffff" in text  # a ground of its own: dark pages are as readable as light ones


def test_a_model_without_signals_has_no_curve(study):
    records = read_study(study.records)
    found = systems(records, "test", LABELS)
    assert system_curve(records, "test", found["ra_it"]) is None


def test_rows_that_earlier_trials_looked_at_are_left_out_of_a_table_of_their_own(study):
    (study.path / "looked_at.yaml").write_text(yaml.safe_dump({"questions": ["q0", "q1", "q8"]}))
    text = tables.tables(study, read_study(study.records), 100)
    unseen = text[text.index("On the 6 rows that no earlier trial used.") :]
    ours = next(line for line in unseen.splitlines() if line.startswith("| ours |"))
    assert ours.split(" | ")[1:4] == ["0.17", "0.17", "0.25"]  # of six: one right, one wrong, four declined
    assert "Difference from *RA-IT*" in unseen


def test_a_study_whose_rows_nobody_looked_at_has_no_such_table(study):
    assert "no earlier trial" not in tables.tables(study, read_study(study.records), 100)


def test_a_point_that_no_run_was_asked_at_follows_from_the_dev_rows(tmp_path):
    _, study = sure_study(tmp_path, dev=True)
    found = systems(study, "test", LABELS)
    ours, at_point = found["self_demo"], found["self_demo_at_point"]
    assert len(at_point.shown) == 2 and at_point.records == ours.records
    for record, said, became in zip(ours.records, ours.shown, at_point.shown, strict=True):
        point = choose_point(study.replies(record, "dev", "rag", twins=True), AIM)
        expected = {
            p.id: "abstain" if point.confidence(attempt(p).signals) < point.threshold else attempt(p).label
            for p in said
        }
        assert {p.id: p.label for p in became} == expected
    assert "base_may_decline_at_point" not in found  # it told no signals


def test_a_limit_that_is_proven_on_dev_rows_has_a_table(tmp_path):
    folder, study = sure_study(tmp_path, dev=True)
    text = tables.tables(folder, study, 100)
    limited = text[text.index("With false refusals of at most 0.15, proven on dev questions (level 0.9).") :]
    line = next(line for line in limited.splitlines() if line.startswith("| ours"))
    cells = [cell.strip() for cell in line.split("|")]
    assert float(cells[6].split(" ")[0]) < 0.25  # false refusals
    assert "With hallucination of at most 0.25" in text and "| base, may decline" not in limited[:1500].split("\n\n")[1]


def test_areas_tell_how_well_a_signal_knows(tmp_path):
    folder, study = sure_study(tmp_path, dev=True)
    text = tables.tables(folder, study, 100)
    right, held = (text[text.index(question) :].split("\n\n")[0] for question in QUESTIONS)
    cells = [cell.strip() for cell in right.splitlines()[2].split("|")[1:-1]]
    assert cells[0] == "ours" and all(float(cell[:4]) > 0.95 for cell in cells[1:])  # logprob, and the mix of it alone
    assert "| logprob | mix |" in right
    assert 0.4 < float(held.splitlines()[2].split("|")[2][:5]) < 0.6  # drawn without regard to the passages


def test_a_high_probability_of_a_refusal_speaks_against_an_answer():
    said = replies("cccii", evidence=ROWS[:5])
    told = [(p, {"refusal": value}) for p, value in zip(said, [0.1, 0.2, 0.3, 0.8, 0.9], strict=True)]
    assert _area(told, "refusal", lambda p: p.label == "correct") == 1.0
    assert _area(told, "verdict", lambda p: p.label == "correct") is None
    assert _area(told[:3], "refusal", lambda p: p.label == "correct") is None


def test_no_point_is_applied_to_the_rows_that_it_was_chosen_on(tmp_path):
    _, study = sure_study(tmp_path, dev=True)
    assert "self_demo_at_point" not in systems(study, "dev", LABELS)


def test_squad_is_at_the_point_of_the_dev_rows_of_the_same_model(tmp_path):
    folder, _ = sure_study(tmp_path, dev=True)
    squad = rows(20, "s")
    sure = [0.0 if i % 2 else 5.0 for i in range(20)]
    columns = {"base": {"rag": "i" * 20}, "tuned": {"rag": "ci" * 10}}
    place = tmp_path / "runs/self_demo-1-squad/evaluation"
    evaluated(place, columns, evidence=squad, attempts={"tuned": ("." * 20, [s - 3 for s in sure])})
    collect.collect(folder, tmp_path / "runs", WHENCE)
    found = systems(read_study(folder.records), "squad", LABELS)["self_demo_at_point"]
    assert found.values("accuracy") == [0.5] and found.values("hallucination_rate") == [0.0]


def test_an_operating_point_of_the_base_model_is_kept_with_it(tmp_path):
    folder = study_folder(tmp_path, LABELS)
    columns = {"base": BASE, "base_at_point": {"rag": "ccaiiiaaa" + "aaa"}, "tuned": {"rag": OURS}}
    evaluated(tmp_path / "runs/self_demo-0/evaluation", columns)
    collect.collect(folder, tmp_path / "runs", WHENCE)
    study = read_study(folder.records)
    found = systems(study, "test", LABELS)
    assert found["base_may_decline_at_point"].values("hallucination_rate") == [pytest.approx(3 / 9)]
    assert found["base_may_decline_at_point"].label == "base, may decline, at its point"
    twins = [replace(p, signals=()) for p in found["base_may_decline_at_point"].all_rows[0] if "#" in p.id]
    assert len(twins) == 3 == len(EVIDENCE) - len(ROWS)
