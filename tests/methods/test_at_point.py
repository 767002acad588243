"""A model at its operating point says what the choice assumed it would, and only with the weights it was chosen for."""

import json

import pytest
from safetensors.numpy import save_file

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Answer, Evidence, Prediction, Question, Request
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.tuned import POINT_FILE, model_hashes, weights_hash
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.at_point import AtPoint, at_recorded_point, recorded_answerer, write_point
from hf_selfdemo.methods.openings import with_signals
from hf_selfdemo.scoring.certified import Bound
from hf_selfdemo.scoring.confidence import Mix
from hf_selfdemo.scoring.operating_point import REFUSAL, Aim, OperatingPoint, at_point

POINT = OperatingPoint(
    Aim("hallucination", 0.2), Mix((("logprob", 1.0),), 0.0), 0.5, (Bound("hallucination_rate", 1, 60, 0.9, 0.2),)
)
SURE, UNSURE = (("logprob", 1.0),), (("logprob", -1.0),)
ROW = Evidence(Question("1", "What is the capital?", ("Bern",)))


class Scripted(PromptAnswerer):
    """Gives one answer, whatever it is asked, after a call."""

    def __init__(self, given):
        super().__init__()
        object.__setattr__(self, "given", given)

    def answer(self, evidence, mode):
        yield [Request(evidence.id, self.prompt(evidence, mode), mode)]
        return self.given


def answered(given, mode="rag", point=POINT):
    asked = AtPoint(Scripted(given), point)
    assert asked.most_calls == 1 and asked.prompt(ROW, mode) == PromptAnswerer().prompt(ROW, mode)
    return next(converse([asked.answer(ROW, mode)], ScriptedGenerator()))


def declined(withheld=None):
    return Answer("The passages do not say.", signals=SURE, withheld=withheld)


@pytest.mark.parametrize(
    ("given", "label", "text"),
    [
        (Answer("Bern", signals=SURE), "correct", "Bern"),
        (Answer("Bern", signals=UNSURE), "correct", REFUSAL),
        (Answer("Bern"), "correct", REFUSAL),
        (Answer("", "error"), "unscored", ""),
        (declined(), "abstain", "The passages do not say."),
        (declined(Answer("Basel", "length", signals=SURE)), "abstain", "Basel"),
        (declined(Answer("Basel", signals=UNSURE)), "abstain", "The passages do not say."),
    ],
)
def test_an_answer_at_a_point_is_what_was_assumed_when_it_was_chosen(given, label, text):
    found = answered(given)
    assert found.text == text
    withheld = given.withheld and Prediction(
        "1", "rag", given.withheld.text, "incorrect", True, True, signals=given.withheld.signals
    )
    said = Prediction("1", "rag", given.text, label, True, True, signals=given.signals, withheld=withheld)
    assumed = at_point(said, POINT)
    assert (found.text, found.confidence, found.signals) == (assumed.text, assumed.confidence, assumed.signals)


def test_what_is_held_back_stays_known():
    attempt = Answer("Bern", signals=UNSURE)
    assert answered(attempt).withheld == attempt
    given = declined(Answer("Basel", "length", signals=SURE))
    assert answered(given) == Answer("Basel", "length", confidence=POINT.confidence(SURE), signals=SURE)


def test_without_passages_there_is_no_point():
    assert answered(Answer("Bern", signals=UNSURE), "closed_book") == Answer("Bern", signals=UNSURE)


def test_another_threshold_is_another_answerer():
    usual = PromptAnswerer()
    other = OperatingPoint(POINT.aim, POINT.mix, 0.6, ())
    same = OperatingPoint(Aim("f_score"), POINT.mix, 0.5, ())
    found = [AtPoint(usual, point).identity for point in (POINT, other, same)]
    assert found[0] == found[2] != found[1] and usual.identity not in found
    assert AtPoint(PromptAnswerer(8), POINT).identity not in found


# the file


@pytest.fixture
def model(tmp_path):
    import numpy as np

    save_file({"a": np.zeros(2, np.float32)}, tmp_path / "adapter_model.safetensors")
    return tmp_path


def test_a_point_is_kept_beside_the_weights(model):
    before, usual = model_hashes(model), PromptAnswerer()
    assert at_recorded_point(model, usual) is None
    assert write_point(model, POINT, usual, 32, {"figures": {"f_score": 0.5}}) == model / POINT_FILE
    assert at_recorded_point(model, usual) == AtPoint(usual, POINT)
    assert model_hashes(model) == before, "another point changes nothing about the model"
    assert json.loads((model / POINT_FILE).read_text())["figures"] == {"f_score": 0.5}


def test_a_point_asks_for_the_signals_that_it_was_chosen_by(model):
    asked = PromptAnswerer(openings=("I don't know",), withheld=True)
    write_point(model, POINT, asked, 32, {})
    for answerer in (PromptAnswerer(), asked, PromptAnswerer(openings=("The passages",))):
        assert at_recorded_point(model, answerer) == AtPoint(asked, POINT)
    assert recorded_answerer(model) == AtPoint(asked, POINT)
    assert AtPoint(asked, POINT).identity != AtPoint(PromptAnswerer(), POINT).identity
    told = json.loads((model / POINT_FILE).read_text())
    del told["signals"], told["checksum"]
    (model / POINT_FILE).write_text(json.dumps(told))
    assert at_recorded_point(model, asked) == AtPoint(with_signals(asked, model), POINT), "an earlier file tells none"


def test_the_length_of_answers_comes_with_the_point(model):
    assert recorded_answerer(model) == PromptAnswerer(32)
    write_point(model, POINT, PromptAnswerer(8), 8, {})
    assert recorded_answerer(model) == AtPoint(PromptAnswerer(8), POINT)


def test_a_point_of_other_weights_is_refused(model):
    import numpy as np

    write_point(model, POINT, PromptAnswerer(), 32, {})
    known = weights_hash(model)
    save_file({"a": np.ones(2, np.float32)}, model / "adapter_model.safetensors")
    assert weights_hash(model) != known
    with pytest.raises(UserError, match=r"chosen for other weights .* `hf-selfdemo operating_point` again, or delete"):
        at_recorded_point(model, PromptAnswerer())


def test_a_point_for_answers_asked_for_otherwise_is_refused(model):
    write_point(model, POINT, PromptAnswerer(), 32, {})
    with pytest.raises(UserError, match="another way of asking the model"):
        at_recorded_point(model, PromptAnswerer(8))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda told: told["point"].pop("mix"), "point.mix is missing"),
        (lambda told: told["point"].update(threshold="high"), "point.threshold is 'high', not a number"),
        (lambda told: told["point"]["aim"].update(target="luck"), "point.aim.target is 'luck'"),
    ],
)
def test_a_damaged_point_is_refused(model, change, complaint):
    path = write_point(model, POINT, PromptAnswerer(), 32, {})
    told = json.loads(path.read_text())
    del told["checksum"]
    change(told)
    path.write_text(json.dumps(told))
    with pytest.raises(UserError, match=complaint):
        at_recorded_point(model, PromptAnswerer())
