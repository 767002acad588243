"""Replies on the disk come back as they were."""

from pathlib import Path

from hf_selfdemo.core.types import Evidence, Prediction, Question
from hf_selfdemo.evaluation.evaluated import Evaluation, write_manifest, write_predictions, write_rows


def test_signals_and_withheld_answers_come_back(tmp_path: Path) -> None:
    said = Prediction("1", "rag", "Bern", "correct", True, True, signals=(("logprob", -0.5),))
    withheld = Prediction("2", "rag", "Basel", "incorrect", True, True, signals=(("logprob", -2.0),))
    declined = Prediction(
        "2", "rag", "I don't know.", "abstain", True, True, signals=(("refusal", 0.9),), withheld=withheld
    )
    write_rows(tmp_path, [Evidence(Question(i, "The capital of Switzerland?", ("Bern",))) for i in "12"])
    write_predictions(tmp_path, "tuned", "rag", [said, declined])
    about = {"title": "two rows", "base_model": "", "settings": {}, "data": {}, "recall": {}}
    told = {"judges": {"tuned": {"name": "answer_match"}}, "models": {"tuned": ""}, "usage": {"tuned": {}}}
    write_manifest(tmp_path, ["rag"], told | {"reused": {"tuned": {}}, "training": {"tuned": {}}}, about)
    assert Evaluation(tmp_path).column("tuned").predictions["rag"] == [said, declined]
