"""Evaluated questions that a model was trained on are reported, because its figures on them are too good."""

import pytest

from hf_selfdemo.core.types import Evidence, Question
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.trained_on import trained_on_warnings


@pytest.fixture
def trained(gold, tmp_path):
    assert main(["demonstrate", *gold]) == 0
    return tmp_path / "run/model"


def test_a_model_is_not_judged_by_its_training_questions_without_a_warning(gold, trained, capsys):
    assert main(["train", *gold]) == 0
    capsys.readouterr()
    asked = [one for one in gold if "test_questions" not in one]
    assert main(["evaluate", *asked, "--evaluate_on=dev", "--dev_questions=embedded", "--dev_split=train"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "warning: 'tuned' was trained on" in said and "dev questions (the first is" in said
    assert "held_out_share" in said
    assert main(["evaluate", *gold]) == 0
    assert "was trained on" not in capsys.readouterr().err


def test_a_model_without_demonstrations_beside_it_is_not_checked(tmp_path):
    row = Evidence(Question("1", "Who built the hall?", ("Ada",)))
    assert list(trained_on_warnings([row], {"tuned": tmp_path / "model"}, "test")) == []
    (tmp_path / "demonstrations").mkdir()
    (tmp_path / "demonstrations/train.parquet").write_text("torn")
    assert list(trained_on_warnings([row], {"tuned": tmp_path / "model"}, "test")) == []
