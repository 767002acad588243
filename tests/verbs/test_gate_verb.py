"""The verb fits the gate on answers to the dev questions, keeps it in the run's folder, and evaluating applies it."""

import json

import pytest
from scripted_reader import Reading

from hf_selfdemo.evaluation.evaluated import Evaluation
from hf_selfdemo.methods.gate import GATE_FILE
from hf_selfdemo.methods.lagr_seq import Gated
from hf_selfdemo.verbs import networks
from hf_selfdemo.verbs.cli import main, parse

DEV = ["--dev_questions=embedded", "--max_dev_questions=20", "--max_dev_unanswerable=4"]


@pytest.fixture
def gated(gold, monkeypatch):
    """The small recipe with the method and dev questions, asked of a script."""
    monkeypatch.setattr(networks, "in_process", Reading)
    small = [flag for flag in gold if flag.partition("=")[0] not in ("--method", "--max_answer_tokens")]
    more = ["--method=lagr_seq", "--evaluate_modes", "rag", "closed_book", "--max_answer_tokens=12"]
    return [*small, *more, "--evaluate_signals=false", *DEV]


def test_run_fits_a_gate_on_dev_and_compares_on_test(gated, manifest, tmp_path, capsys):
    assert main(["run", *gated]) == 0
    said = capsys.readouterr()
    told = " ".join(said.err.split())
    assert "method 'lagr_seq' trains nothing: only evaluating" in told
    assert "of the 24 questions that it was fitted on, the gate asks the expensive answerer for" in told
    assert "gate.json" in told
    assert "value of asking" in said.out and "expensive correct" in said.out
    assert list(manifest("evaluation_dev")["judges"]) == ["base"], "dev questions are what it is fitted on"
    found = manifest("evaluation")
    assert list(found["judges"]) == ["base", "lagr_seq"] and found["answerers"]["lagr_seq"].startswith("lagr_seq/")
    assert found["usage"]["lagr_seq"]["calls"] == 0, "both ways were paid for by the base model's column"
    column = Evaluation(tmp_path / "run/evaluation").column("lagr_seq").predictions["rag"]
    asked = sum(dict(p.trace)["gate"].startswith("asks") for p in column)
    assert found["asking"]["lagr_seq"]["rag"]["calls"] == len(column) + asked
    kept = json.loads((tmp_path / "run" / GATE_FILE).read_text())
    assert kept["evaluation"]["rows"] == 24 and kept["evaluation"]["left_out"] == 0
    assert sum(kept["gate"]["seen"].values()) == 24 and kept["settings"]["gate_reward"] == "right"


@pytest.fixture
def fitted(gated, capsys):
    """The same, when its gate is fitted."""
    assert main(["evaluate", *gated, "--evaluate_on=dev"]) == main(["gate", *gated]) == 0
    capsys.readouterr()
    return gated


def test_other_keys_need_another_fit_and_no_call(fitted, refused, tmp_path, capsys):
    line = refused("evaluate", *fitted, "--gate_reward=gain")
    assert "gate.json was fitted with other settings: gate_reward: restore them, or run" in line
    assert not (tmp_path / "run/evaluation/manifest.json").exists()
    assert main(["gate", *fitted, "--gate_reward=gain"]) == main(["evaluate", *fitted, "--gate_reward=gain"]) == 0


def test_answers_of_other_lengths_or_to_other_passages_are_refused(fitted, refused):
    line = refused("gate", *fitted, "--max_answer_tokens=9")
    assert "contains answers of 'base' that were made with another answerer" in line
    assert "was made with other passages: passages_per_question" in refused(
        "gate", *fitted, "--passages_per_question=1"
    )
    assert "other settings: passages_per_question" in refused("evaluate", *fitted, "--passages_per_question=1")


def test_the_app_asks_by_the_gate(fitted, monkeypatch):
    from hf_selfdemo.verbs import app
    from hf_selfdemo.verbs.app import recipe_page

    made, usual = [], app.Asking
    monkeypatch.setattr(app, "Asking", lambda *given: made.append(given) or usual(*given))
    recipe_page(parse(fitted))
    answerer = made[0][-1]["lagr_seq"]()
    assert isinstance(answerer, Gated) and answerer.gate is not None


def test_a_space_takes_the_gate_along(fitted, tmp_path):
    from hf_selfdemo.hub.space import space_artefact

    assert main(["evaluate", *fitted]) == 0
    method = parse(fitted).method.recipe_keys()
    files = space_artefact(tmp_path / "run", "me/look", base_model="me/tiny", method=method).files
    assert files[f"run/{GATE_FILE}"] == tmp_path / "run" / GATE_FILE and "method: lagr_seq" in files["recipe.yaml"]


def test_another_way_of_answering_has_a_column_of_its_own(gated, manifest):
    flags = [*gated, "--gate_asks=active_rag"]
    assert main(["evaluate", *flags, "--evaluate_on=dev"]) == main(["gate", *flags]) == 0
    assert list(manifest("evaluation_dev")["judges"]) == ["active_rag", "base"]
    assert main(["evaluate", *flags]) == 0
    assert set(manifest("evaluation")["judges"]) == {"base", "active_rag", "lagr_seq"}


def test_without_a_gate_nothing_is_asked(gated, refused, tmp_path):
    assert "has no gate: run `hf-selfdemo evaluate --evaluate_on dev`" in refused("evaluate", *gated)
    assert "contains no finished evaluation" in refused("gate", *gated)
    assert not (tmp_path / "run/ledger.sqlite").exists()


def test_without_closed_book_answers_it_says_what_to_run(gated, refused):
    assert main(["evaluate", *gated, "--evaluate_on=dev", "--evaluate_modes", "rag"]) == 0
    assert "contains no closed_book answers of 'base': run `hf-selfdemo evaluate" in refused("gate", *gated)


@pytest.mark.parametrize(
    ("verb", "more", "complaint"),
    [
        ("run", ["--engine=server", "--server_url=http://localhost:1/v1"], "which a server does not return"),
        ("gate", ["--engine=server", "--server_url=http://localhost:1/v1"], "which a server does not return"),
        ("run", ["--gate_asks=raft"], "gate_asks is 'raft', which needs training or a gate"),
    ],
)
def test_a_gate_that_cannot_be_fitted_is_refused_before_any_call(gated, refused, tmp_path, verb, more, complaint):
    assert complaint in refused(verb, *gated, *more)
    assert not (tmp_path / "run/ledger.sqlite").exists()


def test_without_dev_questions_nothing_is_begun(gated, refused, tmp_path):
    line = refused("run", *(flag for flag in gated if flag not in DEV))
    assert "there are no dev questions to fit a gate on: set dev_questions or held_out_share" in line
    assert not (tmp_path / "run").exists()


def test_too_few_questions_and_other_methods_are_refused(gated, gold, refused):
    flags = [*gated, "--max_dev_questions=6"]
    assert main(["evaluate", *flags, "--evaluate_on=dev"]) == 0
    assert "a gate needs 20 questions with two scored answers, but there are only 10" in refused("gate", *flags)
    assert "method 'ra_it' has no gate: set method: lagr_seq" in refused("gate", *gold)


def test_the_plan_counts_both_calls_and_needs_no_gate(gated, tmp_path):
    assert main(["plan", *gated]) == 0
    plan = json.loads((tmp_path / "run/plan.json").read_text())
    assert plan["evaluate_calls"]["lagr_seq"] == {"rag": 6, "closed_book": 6}
    assert plan["gate_calls"] == {"base": {"rag": 24, "closed_book": 24}}, "20 answerable dev questions and 4 others"
