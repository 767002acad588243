"""Models are loaded when first asked and one at a time writes; what cannot be asked is refused in one line."""

import threading
import time

import pytest

from hf_selfdemo.app.asking import LONGEST_QUESTION, LONGEST_TYPED, Asking, checked_question, told_words, typed_passages
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import Passage, Reply
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.methods.active_rag import ActiveRag
from hf_selfdemo.methods.method import METHOD_FILE, Chosen, recorded_method
from hf_selfdemo.methods.pa_rag import METHOD, Augmentation

CORPUS = [Passage(f"p{i}", f"Tower {i} stands by the river number {i}.") for i in range(20)]


def test_nothing_is_loaded_before_the_first_question_and_nothing_twice():
    loaded = []

    def load(name):
        loaded.append(name)
        return ScriptedGenerator(lambda request: name) if name != "corpus" else BM25Retriever(CORPUS)

    asking = Asking({"base": lambda: load("base"), "tuned": lambda: load("tuned")}, lambda: load("corpus"))
    assert loaded == []
    for _ in range(2):
        assert [p.id for p in asking.search("river tower 7", 1)] == ["p7"]
        assert [(name, reply.text) for name, reply in asking.ask("Where?", None)] == [
            ("base", "base"),
            ("tuned", "tuned"),
        ]
    assert loaded == ["corpus", "base", "tuned"]


def test_a_model_that_could_not_be_loaded_is_tried_again():
    tries = []

    def load():
        tries.append(1)
        if len(tries) == 1:
            raise UserError("the model is away", "wait")
        return ScriptedGenerator(lambda request: "here")

    asking = Asking({"base": load})
    with pytest.raises(UserError, match="the model is away"):
        list(asking.ask("Where?", None))
    assert [reply.text for _, reply in asking.ask("Where?", None)] == ["here"]


def test_one_model_writes_at_a_time_whoever_asks():
    busy, most = [], []

    def answer(request):
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.01)
        busy.pop()
        return "done"

    asking = Asking({name: lambda: ScriptedGenerator(answer) for name in ("base", "tuned")})
    threads = [threading.Thread(target=lambda: list(asking.ask("Where?", None))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 12 and max(most) == 1


def test_passages_are_shown_as_in_training_and_left_out_without():
    prompts = []
    asking = Asking({"base": lambda: ScriptedGenerator(lambda r: prompts.append(r.messages[-1]["content"]) or "x")})
    list(asking.ask("Where?", [Passage("1", "By the sea.", "Tower")]))
    list(asking.ask("Where?", None))
    assert "By the sea." in prompts[0] and "Tower" in prompts[0] and "By the sea." not in prompts[1]
    from hf_selfdemo.prompting.prompts import render

    assert prompts[0] == render("rag", "Where?", [Passage("1", "By the sea.", "Tower")])[0]["content"]


@pytest.mark.parametrize(
    ("question", "line"),
    [("  ", "there is no question: type one"), ("x" * (LONGEST_QUESTION + 1), "has 501 characters: use at most 500")],
)
def test_questions_that_are_none_or_too_long_are_refused_before_anything_is_loaded(question, line):
    asking = Asking({"base": lambda: pytest.fail("loaded")}, lambda: pytest.fail("loaded"))
    with pytest.raises(UserError, match=line):
        next(asking.ask(question, None))


def test_half_a_character_that_a_browser_sends_is_replaced():
    assert checked_question(f" Where{chr(0xD83D)}? ") == "Where\ufffd?"
    assert [p.text for p in typed_passages(f"One{chr(0xD83D)}.")] == ["One\ufffd."]


def test_a_call_that_failed_is_told_with_its_reason():
    class Failing:
        def stream(self, requests):
            yield 0, Reply("", "error", error="the prompt needs 4000 tokens")

    with pytest.raises(UserError, match=r"base did not answer \(the prompt needs 4000 tokens\)"):
        list(Asking({"base": Failing}).ask("Where?", None))


def test_without_a_corpus_one_can_only_type_passages():
    with pytest.raises(UserError, match="type passages of your own"):
        Asking({}).search("Where?", 1)


def test_typed_passages_end_with_an_empty_line_and_are_cut():
    assert [p.text for p in typed_passages("One\n two\n\n \nThree four five", 2)] == ["One two", "Three four"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n\n", "there is no passage"),
        ("x" * (LONGEST_TYPED + 1), "use at most 8000"),
        ("\n\n".join("abcdefghi"), "there are 9 passages: type at most 8"),
    ],
)
def test_typed_passages_have_limits(text, line):
    with pytest.raises(UserError, match=line):
        typed_passages(text)


def test_words_that_a_reply_adds_are_told_but_not_those_of_refusals_or_of_the_question():
    assert told_words(["In 1969, Neil Armstrong."], "Who stood on the Moon?") == ["1969", "neil", "armstrong"]
    assert told_words(["I don't know who did.", "Neil did."], "Who?") == ["neil", "did"]
    assert told_words(["The list starts in 1970."], "When was the first race held?") == []
    assert told_words([""], "Who?") == []


def test_a_model_is_asked_as_its_method_says_and_the_answer_tells_what_it_took():
    engine = ScriptedGenerator(lambda request: f"{request.stage}. Answer: here")
    asking = Asking({"base": lambda: engine, "active_rag": lambda: engine}, answerers={"active_rag": ActiveRag})
    found = dict(asking.ask("Where?", [Passage("1", "By the sea.", "Tower")]))
    assert found["base"].usage.calls == 1 and found["base"].answer.trace == ()
    assert found["active_rag"].text == "here" and found["active_rag"].usage.calls == 9 == len(
        found["active_rag"].answer.trace
    )


def test_the_tag_of_a_trained_model_stands_before_the_question_that_is_asked(tmp_path):
    tagged = Chosen("pa_rag", METHOD, (Augmentation(domain_tag="[Towers]"),))
    write_json(tmp_path / METHOD_FILE, tagged.record())
    asked = []
    model = ScriptedGenerator(lambda request: asked.append(request.messages[0]["content"]) or "here")
    answerers = {"tuned": lambda: recorded_method(tmp_path).answerer()}
    list(Asking({"base": lambda: model, "tuned": lambda: model}, answerers=answerers).ask("Where?", CORPUS[:1]))
    base, tuned = asked
    assert tuned == base.replace("Question: Where?", "Question: [Towers] Where?") != base
