"""Rows are found by what came of them, and read whole."""

import json
from collections import Counter

import pytest

from hf_selfdemo.app.demonstrations import Demonstrations
from hf_selfdemo.core.errors import UserError


@pytest.fixture(scope="module")
def found(run):
    return Demonstrations(run / "demonstrations")


@pytest.fixture(scope="module")
def lines(run):
    path = run / "demonstrations" / "candidates.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_row_is_read_as_it_was_written(found, lines):
    assert len(found) == len(lines) == 24
    assert [found.row(i) | {"detail": ""} for i in range(24)] == [line | {"detail": ""} for line in lines]


def test_outcomes_count_skipped_rows_by_reason(found, lines):
    assert found.outcomes == dict(Counter(f"skipped: {x['skipped']}" if x["skipped"] else x["outcome"] for x in lines))
    assert {"answer", "abstain"} < set(found.outcomes)


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, lambda row: True),
        ({"outcome": "answer"}, lambda row: row["outcome"] == "answer" and not row["skipped"]),
        ({"outcome": "abstain"}, lambda row: row["outcome"] == "abstain" and not row["skipped"]),
        ({"outcome": "skipped"}, lambda row: bool(row["skipped"])),
        ({"source": "refusal"}, lambda row: row["source"] == "refusal" and not row["skipped"]),
        ({"verified": "yes"}, lambda row: row["verified"] and not row["skipped"]),
        ({"search": "TOWER 7"}, lambda row: "7" in row["question"] + row["id"] + row["answers"][0]),
        ({"search": "builder9", "outcome": "answer"}, lambda row: "Builder9" in row["answers"]),
    ],
)
def test_filters_keep_what_fits(found, lines, asked, fits):
    places = found.find(**asked)
    assert places == [i for i, line in enumerate(lines) if fits(line)] and places


def test_nothing_is_found_where_nothing_fits(found):
    assert found.find("no such words") == [] and found.find(verified="no") == []


def test_a_reason_of_its_own_can_be_asked_for(found):
    [reason, *_] = [outcome for outcome in found.outcomes if outcome.startswith("skipped: ")]
    assert len(found.find(outcome=reason)) == found.outcomes[reason]


def test_details_of_skipped_rows_are_joined(found, lines, run, tmp_path):
    skipped = next(line for line in lines if line["skipped"])
    (tmp_path / "candidates.jsonl").write_text(json.dumps(skipped))
    (tmp_path / "skipped.jsonl").write_text(
        json.dumps({"id": skipped["id"], "reason": "r", "detail": "the line broke"})
    )
    (tmp_path / "manifest.json").write_text("{}")
    assert Demonstrations(tmp_path).row(0)["detail"] == "the line broke"


def test_without_demonstrations_the_remedy_is_told(tmp_path):
    with pytest.raises(UserError, match="hf-selfdemo demonstrate"):
        Demonstrations(tmp_path)
