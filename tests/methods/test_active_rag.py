"""Nine calls: a thought, four notes, four corrections of it; the answer that most of them give."""

from dataclasses import replace

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Passage, Question, Reply
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.methods.active_rag import VIEWS, ActiveRag, Thinking, agreeing, stated

ROW = Evidence(
    Question("q1", "Who discovered germanium?", ("Clemens Winkler",)),
    (Passage("p1", "Clemens Winkler discovered it in 1886.", "Germanium"), Passage("p2", "Courtois found iodine.")),
)


def held(row=ROW, mode="rag", say=lambda request: f"so {request.id}. Answer: X", **keys):
    """The answer, and the requests of each turn."""
    dialogue, turns, replies = ActiveRag(**keys).answer(row, mode), [], None
    while True:
        try:
            turns.append(dialogue.send(replies))
        except StopIteration as end:
            return end.value, turns
        replies = [Reply(say(request)) for request in turns[-1]]


def test_one_thought_without_passages_then_four_notes_with_them_and_four_corrections():
    _, (first, second) = held()
    assert [r.id for r in first] == ["q1/thought", *(f"q1/{view}" for view in VIEWS)]
    assert [r.id for r in second] == [f"q1/{view}/corrected" for view in VIEWS]
    shown = ["discovered it in 1886" in repr(r.messages) for r in first]
    assert shown == [False, True, True, True, True]
    assert len({repr(r.messages) for r in first}) == 5, "each has a prompt of its own"


def test_each_correction_goes_on_from_its_own_chat_and_is_shown_the_thought():
    _, (first, second) = held()
    for note, correction in zip(first[1:], second, strict=True):
        assert correction.messages[:-2] == note.messages and note.keep
        assert correction.messages[-2] == {"role": "assistant", "content": f"so {note.id}. Answer: X"}
        assert "so q1/thought. Answer: X" in correction.messages[-1]["content"]
        assert correction.share == note.share != ""


def test_the_answer_that_most_corrections_give_is_the_answer_and_their_share_its_confidence():
    said = dict(zip(VIEWS, ("I don't know.", "Winkler", "Clemens Winkler", "Courtois"), strict=True))
    answer, _ = held(say=lambda r: f"Well. Answer: {said[r.id.split('/')[1]]}" if r.id.endswith("corrected") else "hm")
    assert (answer.text, answer.confidence) == ("Winkler", 0.5)
    silent, _ = held(say=lambda r: "")
    assert (silent.text, silent.confidence) == ("", 0)


def test_only_what_stands_after_the_mark_is_the_answer():
    assert stated("Answer: first. No, ANSWER : the second\nline") == "the second\nline"
    assert stated("1886. **Answer:** **Winkler**.").startswith("Winkler")
    assert stated("Answer:") == "" and stated("no mark") == "no mark"


def test_abstentions_agree_with_each_other_alone():
    question = "Who discovered germanium?"
    assert agreeing(["I don't know.", "The passages do not mention it.", "Winkler", ""], question) == [2, 2, 1, 0]


def test_everything_written_on_the_way_is_told():
    answer, _ = held()
    names = [name for name, _ in answer.trace]
    assert names == ["thought", *(n for view in VIEWS for n in (view, f"{view}, corrected"))]
    assert dict(answer.trace)["logician, corrected"] == "so q1/logician/corrected. Answer: X"


def test_without_passages_the_thought_alone_answers():
    answer, turns = held(mode="closed_book")
    assert [[r.id for r in turn] for turn in turns] == [["q1/thought"]]
    assert (answer.text, answer.confidence) == ("X", None)


def test_keys_decide_lengths_temperature_and_identity():
    _, (first, second) = held(thinking=Thinking(7, 5, 0.0), max_answer_tokens=3)
    assert [r.max_new_tokens for r in first] == [8, 7, 7, 7, 7] and {r.max_new_tokens for r in second} == {8}
    assert {r.temperature for r in (*first, *second)} == {0.0}
    made = (ActiveRag(), ActiveRag(Thinking(7)), ActiveRag(max_answer_tokens=3), ActiveRag(seed=1))
    assert len({one.identity for one in made}) == 4 and ActiveRag().identity == ActiveRag().identity


def test_corrections_are_not_run_through_the_model_from_their_beginning(model, tokenizer):
    """The notes are kept, so that only the last turn is computed; what is written is the same without."""
    written = {}
    for share in (True, False):
        engine = Counted(TransformersGenerator(model, tokenizer, share_prefixes=share))
        [answer] = converse([ActiveRag(Thinking(8, 8, 0.0), 4).answer(ROW, "rag")], engine)
        written[share] = answer, engine.cached
    (shared, _), (alone, _) = written[True], written[False]
    assert replace(shared, signals=()) == replace(alone, signals=())
    assert dict(shared.signals) == pytest.approx(dict(alone.signals), abs=1e-5)
    assert written[False][1] == 0 and written[True][1] > 0


class Counted(ScriptedGenerator):
    """A generator that counts the prompt tokens that were not computed again in second turns."""

    def __init__(self, generator):
        super().__init__()
        self.generator, self.cached = generator, 0

    def stream(self, requests):
        for i, reply in self.generator.stream(requests):
            self.cached += reply.cached_tokens if requests[i].id.endswith("corrected") else 0
            yield i, reply


def test_the_likeliest_note_can_choose_the_answer():
    texts = dict(zip(VIEWS, ("a longer note", "brief", "", "the longest of all notes"), strict=True))

    def say(request):
        _, view, *corrected = request.id.split("/")
        return f"Answer: by {view}" if corrected else texts.get(view, "a thought")

    asked = []
    generator = ScriptedGenerator(say)
    engine = Watched(generator, asked)
    [answer] = converse([ActiveRag(Thinking(pick="perplexity")).answer(ROW, "rag")], engine)
    assert (answer.text, answer.confidence) == ("by associate", -len("brief"))
    scored = [r for r in asked if r.scored]
    assert [r.scored for r in scored] == ["a longer note", "brief", "the longest of all notes"], "nothing is not scored"
    assert {r.messages[0]["content"] for r in scored} == {ROW.question.text} and len(asked) == 12
    assert ActiveRag(Thinking(pick="perplexity")).most_calls == 13


def test_an_empty_answer_is_never_given_where_another_is_there():
    notes = dict(zip(VIEWS, ("a longer note", "brief", "longer yet, by far", "the longest of all"), strict=True))

    def say(request):
        _, view, *corrected = request.id.split("/")
        if corrected:
            return "" if view == "associate" else f"by {view}"
        return notes.get(view, "a thought")

    [answer] = converse([ActiveRag(Thinking(pick="perplexity")).answer(ROW, "rag")], ScriptedGenerator(say))
    assert answer.text == "by anchoring"


def test_a_choice_that_is_none_is_refused_by_its_key():
    with pytest.raises(UserError, match="pick is 'perplexty': did you mean 'perplexity'"):
        Thinking(pick="perplexty")


class Watched(ScriptedGenerator):
    """A generator whose requests are listed."""

    def __init__(self, generator, asked):
        super().__init__(generator.reply)
        self.asked = asked

    def stream(self, requests):
        self.asked += requests
        yield from super().stream(requests)
