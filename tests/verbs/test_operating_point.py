"""The verb chooses by the dev questions, keeps the point beside the weights, and evaluating applies it."""

import json
import random
import shutil
from dataclasses import replace

import pytest

from hf_selfdemo.core.types import Evidence, Prediction, Question
from hf_selfdemo.evaluation.evaluated import Evaluation, write_manifest, write_predictions, write_rows
from hf_selfdemo.generation.tuned import POINT_FILE, weights_hash
from hf_selfdemo.methods.at_point import AtPoint, at_recorded_point
from hf_selfdemo.scoring.operating_point import REFUSAL
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.columns import model_answerer, recipe_columns


def replies(rows, seed=0):
    """Right where the log-probability is high, mostly; some of them withheld."""
    rng, found = random.Random(seed), []
    for i in range(rows):
        logprob = rng.gauss(0, 1)
        label = "correct" if rng.random() < 1 / (1 + 2.7 ** (-3 * logprob)) else "incorrect"
        said = Prediction(str(i), "rag", "Bern", label, True, True, signals=(("logprob", logprob),))
        refusal = replace(said, text="Not mentioned.", label="abstain", signals=(), withheld=said)
        found.append(refusal if i % 3 == 0 else said)
    return found


@pytest.fixture
def asked(gold, model_folder, tmp_path):
    """A recipe with a model and dev questions."""
    shutil.copytree(model_folder, tmp_path / "copy")
    return [*gold, "--dev_questions=embedded", "--adapters", f"copy={tmp_path / 'copy'}"]


@pytest.fixture
def answered(asked, tmp_path):
    """The same, with dev questions that were asked of the model."""

    def write(said):
        folder = tmp_path / "run/evaluation_dev"
        write_rows(folder, [Evidence(Question(one.id, "Which?", ("Bern",))) for one in said])
        write_predictions(folder, "copy", "rag", said)
        told = {"judges": {"copy": {"name": "answer_match"}}, "models": {"copy": ""}, "usage": {}, "reused": {}}
        told |= {"training": {}, "weights": {"copy": weights_hash(tmp_path / "copy")}}
        about = {"title": "dev rows", "base_model": "", "settings": {}, "data": {}, "recall": {}}
        write_manifest(folder, ["rag"], told, about)
        return asked

    return write


def choose(flags, *more):
    return main(["operating_point", *flags, *more])


def kept(tmp_path):
    return json.loads((tmp_path / "copy" / POINT_FILE).read_text())


def test_a_point_is_chosen_and_another_target_replaces_it(answered, tmp_path, capsys):
    flags = answered(replies(200))
    assert choose(flags, "--operating_target=hallucination", "--operating_limit=0.2") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "copy, chosen for hallucination rate at most 0.2: 200 dev rows" in said
    for words in ("as trained", "fewer answers", "at the point", "more answers", "false refusals", "F-score"):
        assert words in said
    first = kept(tmp_path)
    assert first["point"]["bounds"][0]["upper"] == 0.2 and first["point"]["bounds"][0]["rows"] == 100
    assert first["evaluation"]["rows"] == 200 and "predictions/copy.rag.jsonl" in first["evaluation"]["files"]
    assert 0 < first["figures"]["hallucination_rate"] < 0.25 and first["versions"]["hf-selfdemo"]
    assert choose(flags, "--operating_target=lambda_score", "--operating_abstain_value=0.2") == 0
    assert "hallucination rate at most ." in " ".join(capsys.readouterr().err.split())
    second = kept(tmp_path)
    assert second["point"]["aim"] == {
        **{"target": "lambda_score", "limit": None, "level": 0.9, "abstain_value": 0.2, "seed": 0}
    }
    assert second["point"]["threshold"] != first["point"]["threshold"]


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ([], "operating_target is not set"),
        (["--operating_target=recall"], "operating_target is 'recall'"),
        (["--operating_target=hallucination"], "hallucination has no limit"),
        (["--operating_target=f_score", "--operating_limit=.1"], "f_score takes no limit"),
        (["--operating_target=hallucination", "--operating_limit=2"], "operating_limit is 2"),
        (["--operating_target=hallucination", "--operating_limit=.01"], "needs 230: evaluate on 460 dev questions"),
    ],
)
def test_what_cannot_be_chosen_is_refused(answered, refused, tmp_path, more, complaint):
    flags = answered(replies(200))
    assert complaint in refused("operating_point", *flags, *more)
    assert not (tmp_path / "copy" / POINT_FILE).exists()


def test_replies_without_signals_are_refused_with_the_remedy(answered, refused):
    flags = answered([replace(one, signals=(), withheld=None) for one in replies(50)])
    line = refused("operating_point", *flags, "--operating_target=f_score")
    assert "have no confidence signals" in line and "run `hf-selfdemo evaluate --evaluate_on dev`" in line


def test_without_dev_replies_it_says_what_to_run(asked, refused):
    line = refused("operating_point", *asked, "--operating_target=f_score")
    assert (
        "contains no finished evaluation: run `hf-selfdemo evaluate --evaluate_on dev` with the same config first"
        in line
    )


def test_without_dev_questions_nothing_is_begun(gold, refused, tmp_path):
    line = refused("run", *gold, "--operating_target=f_score")
    assert "there are no dev questions to choose an operating point on: set dev_questions or held_out_share" in line
    assert not (tmp_path / "run").exists()


def test_replies_of_other_weights_are_refused(answered, refused, tmp_path):
    from safetensors.torch import load_file, save_file

    flags = answered(replies(200))
    path = tmp_path / "copy/model.safetensors"
    weights = load_file(path)
    save_file({**weights, "model.norm.weight": weights["model.norm.weight"] * -1}, path, {"format": "pt"})
    line = refused("operating_point", *flags, "--operating_target=f_score")
    assert "contains no replies of the current model in" in line


def test_evaluating_adds_a_column_at_the_point_and_pays_nothing_for_it(answered, manifest, tmp_path):
    flags = answered(replies(200))
    assert choose(flags, "--operating_target=f_score") == 0
    assert main(["evaluate", *flags]) == 0
    told = manifest("evaluation")
    assert list(told["judges"]) == ["base", "copy", "copy_at_point"]
    assert told["answerers"]["copy_at_point"].startswith("operating_point/")
    assert told["usage"]["copy_at_point"]["calls"] == 0
    column = Evaluation(tmp_path / "run/evaluation").column("copy_at_point").predictions["rag"]
    assert {one.label for one in column} <= {"abstain", "correct", "incorrect"}
    assert all(one.text == REFUSAL or one.confidence is not None for one in column)


def test_dev_questions_are_asked_without_the_point(answered, tmp_path):
    from hf_selfdemo.verbs.cli import parse

    flags = answered(replies(200))
    assert choose(flags, "--operating_target=f_score") == 0
    names = [[one.name for one in recipe_columns(parse([*flags, f"--evaluate_on={part}"]))] for part in ("test", "dev")]
    assert names == [["base", "copy", "copy_at_point"], ["base", "copy"]]
    recipe = parse(flags)
    assert at_recorded_point(tmp_path / "copy", model_answerer(recipe, tmp_path / "copy")).point.aim.target == "f_score"


@pytest.mark.parametrize("named", [(), ("--adapters", "copy=me/copy")], ids=["folder", "hub"])
def test_the_app_asks_at_the_point(answered, named, monkeypatch, tmp_path):
    from hf_selfdemo.generation import tuned
    from hf_selfdemo.generation.models import ResolvedModel
    from hf_selfdemo.verbs import app
    from hf_selfdemo.verbs.app import recipe_page
    from hf_selfdemo.verbs.cli import parse

    flags = answered(replies(200))
    assert choose(flags, "--operating_target=f_score") == 0
    made, found, usual = [], [], app.Asking
    monkeypatch.setattr(app, "Asking", lambda *given: made.append(given) or usual(*given))
    downloaded = ResolvedModel("me/copy", str(tmp_path / "copy"), "")
    monkeypatch.setattr(tuned, "resolve_model", lambda where: found.append(where) or downloaded)
    recipe_page(parse([*flags, *named]))
    assert found == [], "nothing is downloaded before a question is asked"
    assert {name: type(find()) for name, find in made[0][-1].items()} == {"copy": AtPoint}
    assert found == (["me/copy"] if named else [])


def test_run_chooses_a_point_between_training_and_testing(gold, dev, manifest, tmp_path, monkeypatch):
    from hf_selfdemo.verbs import operating_point

    chosen = []
    monkeypatch.setattr(operating_point, "_replies", lambda *given: chosen.append(given[1]) or replies(200))
    assert main(["run", *gold, *dev, "--max_dev_questions=9", "--operating_target=f_score"]) == 0
    assert chosen == ["tuned"] and (tmp_path / "run/model" / POINT_FILE).exists()
    assert list(manifest("evaluation")["judges"]) == ["base", "tuned", "tuned_at_point"]
    assert list(manifest("evaluation_dev")["judges"]) == ["base", "tuned"]


def test_a_space_takes_the_point_along(answered, manifest, tmp_path):
    from hf_selfdemo.hub.space import space_artefact

    flags = answered(replies(200))
    assert choose(flags, "--operating_target=f_score") == main(["evaluate", *flags]) == 0
    made = space_artefact(tmp_path / "run", "me/look", base_model="me/tiny", trained=tmp_path / "copy")
    assert made.files[f"run/model/{POINT_FILE}"] == tmp_path / "copy" / POINT_FILE


def test_a_point_that_answers_next_to_nothing_is_said(answered, capsys):
    said = [
        Prediction(
            str(i), "rag", "Bern", label, True, True, signals=(("logprob", 5.0 if label == "correct" else -i / 200),)
        )
        for i in range(200)
        for label in ["correct" if i % 14 == 0 else "incorrect"]
    ]
    assert choose(answered(said), "--operating_target=hallucination", "--operating_limit=0.03") == 0
    assert "of 200 dev questions; for a point that answers more" in " ".join(capsys.readouterr().err.split())


def test_run_refuses_too_few_dev_questions_before_anything_is_paid_for(gold, refused, tmp_path):
    few = [*gold, "--dev_questions=embedded", "--max_dev_questions=6", "--max_dev_unanswerable=3", "--dev_twins=0"]
    line = refused("run", *few, "--operating_target=f_score")
    assert "there are 9 dev questions, but an operating point for the highest F-score needs 20 or more" in line
    limited = ["--operating_target=hallucination", "--operating_limit=0.1"]
    assert "needs 44 or more" in refused("run", *few, *limited)
    assert "needs 10 or more" in refused("run", *few, "--operating_target=f_score", "--dev_twins=9")
    assert not (tmp_path / "run/demonstrations").exists()
