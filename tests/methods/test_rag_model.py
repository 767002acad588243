"""A trained model in use answers as it does in an evaluation, and says whether it abstains."""

import threading
import time

import pytest
from chat_servers import MockServer

from hf_selfdemo import Passage, RagAnswer, RagModel, ScriptedGenerator, ServerGenerator, load_rag_model
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Question
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.methods.answering import PromptAnswerer, single_prompt
from hf_selfdemo.methods.at_point import write_point
from hf_selfdemo.scoring.confidence import Mix
from hf_selfdemo.scoring.operating_point import REFUSAL, Aim, OperatingPoint

QUESTION = "Who built the hall?"
SHOWN = [Passage("1", "Ada Storm built it in 1901.", "The hall", score=2.0), Passage("2", "It has a tower.")]
LONG = [Passage("1", "word " * 3000)]


def point(*signals):
    return OperatingPoint(Aim("f_score"), Mix(signals, 0.0), 0.5, ())


@pytest.fixture
def adapter(model_folder, tmp_path):
    """An adapter that changes every reply, with a tokenizer beside it, as training leaves it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    lora = LoraConfig(target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    made = get_peft_model(AutoModelForCausalLM.from_pretrained(model_folder), lora)
    made.save_pretrained(tmp_path / "model")
    AutoTokenizer.from_pretrained(model_folder).save_pretrained(tmp_path / "model")
    return tmp_path / "model", made.eval()


@pytest.mark.parametrize(
    ("text", "abstained"), [("Ada Storm.", False), ("The passages do not mention it.", True), ("I don't know.", True)]
)
def test_an_abstention_is_told_from_an_answer(text, abstained):
    asked = []
    model = RagModel(ScriptedGenerator(lambda request: asked.append(request.messages) or text))
    assert model.answer(QUESTION, SHOWN) == RagAnswer(text, abstained, None)
    assert model.answer(QUESTION, None).text == text
    assert asked == [single_prompt(QUESTION, SHOWN), single_prompt(QUESTION, mode="closed_book")]


def test_an_adapter_and_a_whole_model_are_loaded_and_asked_under_their_prompt(adapter, tokenizer, model, model_folder):
    from hf_selfdemo.core.conversation import converse

    folder, tuned = adapter
    row = Evidence(Question("1", QUESTION), tuple(SHOWN))
    replies = [
        next(converse([PromptAnswerer().answer(row, "rag")], TransformersGenerator(network, tokenizer))).text
        for network in (tuned, model)
    ]
    found = [load_rag_model(where).answer(QUESTION, SHOWN).text for where in (folder, model_folder)]
    assert found == replies and found[0] != found[1]


def test_a_prompt_that_is_too_long_is_one_line(model_folder):
    with pytest.raises(UserError, match=r"the model did not answer: .*: ask again, or show fewer passages"):
        load_rag_model(model_folder).answer(QUESTION, LONG)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="contains no trained model"):
        load_rag_model(tmp_path)


def test_one_thread_at_a_time_asks_a_model_that_makes_its_own_batches():
    inside = []

    def slow(request):
        inside.append(+1)
        time.sleep(0.01)
        assert sum(inside) == 1
        inside.append(-1)
        return "Ada Storm."

    model, told = RagModel(ScriptedGenerator(slow)), []
    threads = [threading.Thread(target=lambda: told.append(model.answer(QUESTION, SHOWN).text)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["Ada Storm."] * 8


@pytest.fixture
def server():
    made = MockServer()
    yield made
    made.close()


def likely(server, logprob):
    def answer(body):
        completion = server.completion("Ada Storm.")
        token = {"token": "x", "bytes": None, "logprob": logprob, "top_logprobs": []}
        completion["choices"][0]["logprobs"] = {"content": [token]}
        return completion

    return answer


def test_a_server_is_asked_at_the_point_that_the_folder_keeps(adapter, server):
    folder, _ = adapter
    write_point(folder, point(("logprob", 1.0), ("retriever_score", 1.0)), PromptAnswerer(32), 32, {})
    model = load_rag_model(folder, ServerGenerator(server.url, "mine", logprobs=True))
    server.answer = likely(server, -1.0)
    sure = model.answer(QUESTION, SHOWN)
    assert (sure.text, sure.abstained) == ("Ada Storm.", False) and sure.confidence == pytest.approx(0.731, abs=0.001)
    server.answer = likely(server, -3.0)
    unsure = model.answer(QUESTION, SHOWN)
    assert (unsure.text, unsure.abstained) == (REFUSAL, True) and unsure.confidence == pytest.approx(0.269, abs=0.001)
    assert [body["messages"] for body in server.bodies] == [list(single_prompt(QUESTION, SHOWN))] * 2
    assert {(body["model"], body["temperature"], body["max_tokens"]) for body in server.bodies} == {("mine", 0.0, 32)}


def test_a_point_that_a_server_cannot_tell_is_refused_at_once(adapter, server):
    folder, _ = adapter
    write_point(folder, point(("logprob", 1.0), ("refusal", -1.0)), PromptAnswerer(32), 32, {})
    with pytest.raises(UserError, match="needs the signal 'refusal', which servers do not return: choose a point"):
        load_rag_model(folder, ServerGenerator(server.url, "mine", logprobs=True))


@pytest.mark.parametrize(
    ("signal", "passages", "remedy"),
    [
        ("logprob", SHOWN, r"use a server that returns log-probabilities, with ServerGenerator\(..., logprobs=True\)"),
        ("retriever_score", SHOWN[1:], "set `score` of each passage to your retriever's score"),
    ],
)
def test_an_answer_without_a_signal_of_the_point_is_no_silent_abstention(adapter, server, signal, passages, remedy):
    folder, _ = adapter
    write_point(folder, point((signal, 1.0)), PromptAnswerer(32), 32, {})
    model = load_rag_model(folder, ServerGenerator(server.url, "mine"))
    server.answer = lambda body: server.completion("Ada Storm.")
    with pytest.raises(UserError, match=f"the signal '{signal}', which the answer lacks: {remedy}"):
        model.answer(QUESTION, passages)
    assert model.answer(QUESTION, []).abstained, "nothing was found, and nothing is to be answered"


def test_a_server_that_fails_is_one_line(adapter, server):
    server.answer = lambda body: (400, {"message": "too long"}, {})
    with pytest.raises(UserError, match="the model did not answer: HTTP 400: too long"):
        load_rag_model(adapter[0], ServerGenerator(server.url, "mine")).answer(QUESTION, SHOWN)
