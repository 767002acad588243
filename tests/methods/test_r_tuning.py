"""Gold answers with how sure the model may be of them, and replies that say so."""

import math
from pathlib import Path

import pytest
from asked_rows import ANSWERABLE
from datasets import Dataset

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import Answer, Evidence, Judged, Question, Reply, Skip
from hf_selfdemo.data.rows import FEATURES, dataset_row
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.answering import PROMPTED, told
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.methods.method import METHOD_FILE, Chosen, recorded_method
from hf_selfdemo.methods.openings import with_signals
from hf_selfdemo.methods.r_tuning import METHOD, UNSURE, Asking, RTuning, RTuningAnswerer, cut_statement, with_statement
from hf_selfdemo.testing.dialogues import held
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.preflight import preflight

ASKED = Evidence(Question("q", "What is the capital of Switzerland?", ("Bern", "Berne")))


def chosen(reply, row=ASKED):
    [judged] = converse([judged_row(row, RTuning(), AnswerMatchJudge())], ScriptedGenerator(lambda request: reply))
    return judged.result


@pytest.mark.parametrize(
    ("reply", "response"),
    [("It is Berne.", "Bern. I am sure."), ("Basel.", "Bern. I am unsure."), ("I don't know.", "Bern. I am unsure.")],
)
def test_the_models_own_reply_decides_the_statement(reply, response):
    [made] = chosen(reply)
    assert (made.response, made.source, made.outcome) == (response, "gold", "answer")
    assert made.group == ("unsure" if "unsure" in response else "sure")


def test_the_model_is_asked_once_under_the_prompt_of_training():
    [request] = next(RTuning(Asking(max_reply_tokens=7)).write(ANSWERABLE))
    assert request.messages == PROMPTED.prompt(ANSWERABLE, "rag")
    assert (request.temperature, request.max_new_tokens) == (0.0, 7)


def test_what_has_no_gold_answer_or_no_reply_is_left_out():
    assert isinstance(chosen("Bern.", Evidence(Question("q", "Who?"))), Skip)
    assert isinstance(chosen(""), Skip)


@pytest.mark.parametrize("answer", ["Bern", "U.S.", "I am sure", "Who Am I"])
def test_a_statement_that_is_put_behind_an_answer_is_cut_off_again(answer):
    for sure in (True, False):
        text, statement = cut_statement(with_statement(answer, sure))
        assert text.rstrip(".") == answer.rstrip(".") and (statement == UNSURE) is not sure


SCORE = told(ANSWERABLE, "rag", Reply(""))


ASKING = RTuningAnswerer(24)


def talk(text, mode="rag", answerer=ASKING):
    scores = (math.log(0.3), math.log(0.1))
    return held(answerer.answer(ANSWERABLE, mode), lambda r: Reply("", scores=scores) if r.openings else Reply(text))


def test_a_sure_answer_is_given_and_an_unsure_one_withheld():
    answer, requests = talk("Winkler. I am sure.")
    assert answer == Answer("Winkler", trace=(("reply", "Winkler. I am sure."),), signals=SCORE) and len(requests) == 1
    answer, _ = talk("Winkler. I am unsure.")
    assert (answer.text, answer.withheld) == (UNSURE, Answer("Winkler", signals=SCORE))
    assert talk("Winkler")[0] == Answer("Winkler", signals=SCORE)
    assert talk("I am unsure.")[0].withheld is None
    assert talk("Winkler. I am unsure.", "closed_book")[0].text == "Winkler"


def test_the_probability_of_being_unsure_is_a_signal_of_the_attempt():
    asked = with_signals(ASKING)
    for statement in ("I am sure.", "I am unsure."):
        answer, requests = talk(f"Winkler. {statement}", answerer=asked)
        signals = dict((answer.withheld or answer).signals)
        assert signals == dict(SCORE) | {"unsure": pytest.approx(0.75)}
        assert requests[1].openings == ("Winkler. I am unsure.", "Winkler. I am sure.")
        assert requests[1].messages == requests[0].messages and requests[1].id != requests[0].id
        assert len(requests) == asked.most_calls == 2


def test_a_statement_without_an_answer_has_the_signal_too():
    answer, requests = talk("I am unsure.", answerer=with_signals(ASKING))
    assert answer.withheld is None and dict(answer.signals)["unsure"] == pytest.approx(0.75)
    assert requests[1].openings == ("I am unsure.", "I am sure.")


def test_a_trained_model_is_asked_as_it_was_trained(tmp_path: Path):
    write_json(tmp_path / METHOD_FILE, Chosen("r_tuning", METHOD, (Asking(),)).record())
    found = recorded_method(tmp_path)
    assert found is not None and type(found.answerer(24)) is RTuningAnswerer


def test_an_engine_tells_the_probability_and_training_sees_the_statement(row, model, tokenizer):
    asked = with_signals(RTuningAnswerer(4))
    [answer] = converse([asked.answer(row, "rag")], TransformersGenerator(model, tokenizer))
    assert 0 < dict(answer.signals)["unsure"] < 1
    [one] = chosen("Nobody.", row)
    made = dataset_row(Judged(row, [], [], [one]), one)
    collator = SelfDemoDataCollator(tokenizer, answerer=RTuningAnswerer())
    assert preflight(Dataset.from_list([made], features=FEATURES), collator).sample.trained.startswith(
        "Clemens Winkler. I am unsure."
    )
