"""What follows from rows that were read by hand, and which rows those were."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
import read_by_hand
from folders import ROOT

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Evidence, Question
from hf_selfdemo.scoring.outcomes import Rate

FILE = ROOT / "results" / "study_1_5b" / "reading.json"
DATA = ROOT.parent / "shared" / "data" / "open_qa"


def read(stratum, holds, total):
    return [{"stratum": stratum, "holds": i < holds} for i in range(total)]


def test_a_model_that_never_errs_is_measured_at_the_ceiling():
    there = {"flag": 60, "no flag": 40, "twin": 10}
    found = read_by_hand.figures_of(read("flag", 9, 10) + read("no flag", 2, 10) + read("twin", 1, 10), there)
    assert found.errors == {"flag": Rate(1, 10), "no flag": Rate(2, 10), "twin": Rate(1, 10)}
    # of 100 rows 6 have the flag and lack the answer, 8 hold it without the flag, 54 and 32 are as the flag says
    recall, false_refusals = 32 / 40, 6 / 60
    assert found.ceiling.value == pytest.approx(recall - false_refusals)
    assert found.false_positives.value == pytest.approx(6 / (6 + 32))
    assert found.false_negatives.value == pytest.approx(8 / (8 + 54))
    assert found.agreement.value == pytest.approx(0.86)


def test_any_model_that_looks_at_the_passages_alone_is_measured_by_that_factor():
    draw, e1, e0, r, f = random.Random(0), 0.2, 0.1, 0.7, 0.3
    declined = {True: [], False: []}
    for _ in range(40_000):
        flag = draw.random() < 0.6
        lacks = draw.random() < (e1 if flag else 1 - e0)
        declined[flag].append(draw.random() < (r if lacks else f))
    measured = [sum(of) / len(of) for of in (declined[False], declined[True])]
    assert measured[0] - measured[1] == pytest.approx((1 - e0 - e1) * (r - f), abs=0.02)


def test_the_interval_of_the_ceiling_is_that_of_a_difference_of_two_shares():
    found = read_by_hand.figures_of(
        read("flag", 56, 70) + read("no flag", 48, 80) + read("twin", 0, 1), {"flag": 1, "no flag": 1}
    )
    # Newcombe 1998, table II (a): 56 of 70 less 48 of 80 is .2 [.0524, .3339]; here 1 - 14/70 - 48/80 is the same
    assert tuple(found.ceiling) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_a_close_call_counts_both_ways():
    rows = read("flag", 10, 10) + read("no flag", 0, 10) + read("twin", 0, 1)
    rows[0]["close"] = rows[-2]["close"] = True
    with_flag, against = read_by_hand.close_calls(rows, {"flag": 1, "no flag": 1})
    assert (with_flag, against) == (pytest.approx(1.0), pytest.approx(0.8))


def test_a_stratum_that_nobody_read_is_refused():
    with pytest.raises(UserError, match="no row of the stratum 'twin' was read"):
        read_by_hand.figures_of(read("flag", 1, 1) + read("no flag", 0, 1), {"flag": 1, "no flag": 1})


def test_the_draw_does_not_depend_on_the_order_of_the_rows():
    rows = [Evidence(Question(f"q{i}", "?", ("N",)), (), i % 2 > 0, gold_removed=i % 10 == 0) for i in range(60)]
    sizes = {"flag": 4, "no flag": 3, "twin": 2}
    first = [row.id for row in read_by_hand.drawn(rows, sizes)]
    assert first == [row.id for row in read_by_hand.drawn(rows[::-1], sizes)] and len(set(first)) == 9
    assert Counter(map(read_by_hand.stratum, read_by_hand.drawn(rows, sizes))) == sizes


def test_every_row_that_was_read_has_its_word_and_a_reason_where_it_differs():
    found = read_json(FILE)["read"]
    assert Counter(row["stratum"] for row in found) == read_by_hand.SIZES and len({row["id"] for row in found}) == 100
    for row in found:
        differs = row["holds"] != (row["stratum"] == "flag")
        assert bool(row.get("reason")) == (differs or row.get("close", False)), row["id"]


def test_the_rows_that_were_read_are_those_that_are_drawn(tmp_path):
    if not DATA.exists():
        pytest.skip(f"{DATA} is absent: it is third-party data and does not come with the project")
    from hf_selfdemo.recipe.evidence import recipe_evidence
    from hf_selfdemo.verbs.cli import parse

    recipe = str(ROOT / "recipes/study_1_5b/self_demo.yaml")
    keys = [f"--{part}_corpus={DATA / 'corpus.jsonl.gz'}" for part in ("train", "test")]
    keys += ["--test_questions", *(str(DATA / f"test{kind}.jsonl.gz") for kind in ("", "_unanswerable"))]
    rows, _ = recipe_evidence(parse(["--config", recipe, *keys, "--index_dir", str(tmp_path)]), "test")
    found = read_json(FILE)
    assert [row["id"] for row in found["read"]] == [row.id for row in read_by_hand.drawn(list(rows))]
    assert dict(Counter(map(read_by_hand.stratum, rows))) == found["rows"]


def test_the_command_tells_the_figures(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["read_by_hand.py", str(FILE.parent)])
    read_by_hand.main()
    out = capsys.readouterr().out
    assert "flag: flag wrong in 0.100 [0.043, 0.214] of 50" in out and "highest measurable J: 0.767" in out
    monkeypatch.setattr("sys.argv", ["read_by_hand.py", str(Path(FILE).parents[2])])
    with pytest.raises(SystemExit, match="contains no study"):
        read_by_hand.main()
