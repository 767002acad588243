"""Invar-RAG's check: overlap, divergence and hits by form, and a record of both arms."""

from math import log

import numpy as np
import pytest
from check_invar_rag import BASE, BM25, CONTROL, METHOD, Measured, divergence, figures, forms_of, main, overlap, softmax

from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.methods.rewrites import FORMS

GOLD, OTHER = Passage("g", "Winkler found it."), Passage("o", "It rained.")
ROW = Evidence(Question("q", "Who discovered germanium?", ("Winkler",)), (GOLD, OTHER), answer_in_context=True)


def test_divergence_is_zero_for_equal_and_log_two_for_disjoint_distributions():
    assert divergence(np.array([0.2, 0.8]), np.array([0.2, 0.8])) == 0
    assert divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(log(2))
    assert divergence(np.array([0.75, 0.25]), np.array([0.25, 0.75])) == pytest.approx(0.130812, abs=1e-6)
    assert softmax([0.0, log(3)]).tolist() == pytest.approx([0.25, 0.75])


def test_overlap_counts_passages_whatever_their_order():
    four = [Passage(str(i), "") for i in range(4)]
    assert overlap(four, four[::-1]) == 1
    assert overlap(four, [four[0], *(Passage(name, "") for name in "abc")]) == 0.25


def test_figures_by_retriever_and_form():
    same, turned = np.array([0.9, 0.1]), np.array([0.1, 0.9])

    def measured(found, chance):
        chances = {form: [chance] for form in (*FORMS, "half passages")} | {"original": [same]}
        return Measured({"original": [(GOLD, OTHER)]} | {form: [found] for form in FORMS}, chances)

    moved, kept = measured((OTHER,), turned), measured((OTHER, GOLD), same)
    found = figures([ROW], {BM25: Measured(kept.found, {}), BASE: moved, CONTROL: moved, METHOD: kept})
    overlaps, divergences, hits = found.values()
    assert list(forms_of(ROW)) == ["original", *FORMS]
    assert overlaps[CONTROL]["all rewrites"]["value"] == 0.25 and overlaps[METHOD]["all rewrites"]["value"] == 0.5
    assert overlaps["change by the term"]["statement"]["value"] == 0.25 and BM25 not in divergences
    assert divergences[METHOD]["half passages"]["value"] == 0 < divergences[CONTROL]["half passages"]["value"]
    assert hits[CONTROL]["original"]["value"] == hits[METHOD]["statement"]["value"] == 1
    assert hits[CONTROL]["statement"]["value"] == 0


def test_the_check_runs_and_its_record_tells_what_was_done(command, tmp_path):
    budget = command.index("--train_tokens")
    del command[budget : budget + 2]
    main([*command, "--questions", "6", "--steps", "2", "--test_questions", "4", "--max_answers_cut", "1"])
    record = read_json(tmp_path / "records" / "invar_rag.json")
    assert [line.split()[1] for line in record["commands"]] == ["demonstrate", "train"] * 2
    arms = record["arms"]
    assert arms[CONTROL]["demonstrations"]["train.parquet"] == arms[METHOD]["demonstrations"]["train.parquet"]
    assert arms[CONTROL]["training"]["tokens"] < arms[METHOD]["training"]["tokens"]
    assert arms[METHOD]["demonstrations"]["usage"] == arms[CONTROL]["demonstrations"]["usage"]  # from one ledger
    assert record["questions"] > 0 and record["passages"] > 4
    overlaps, divergences, hits = record["figures"].values()
    assert set(hits) == {BM25, BASE, CONTROL, METHOD} and set(divergences) == {*hits, "change by the term"} - {BM25}
    assert len({divergences[name]["all rewrites"]["value"] for name in (BASE, CONTROL, METHOD)}) == 3
    assert str(tmp_path) not in str(record) and set(overlaps) == {*hits, "change by the term"}
