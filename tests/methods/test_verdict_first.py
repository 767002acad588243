"""Replies that begin with a word on the passages: trained with it, judged without it."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from asked_rows import ANSWERABLE
from datasets import Dataset

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import Answer, Candidate, Judged, Reply, Verdict
from hf_selfdemo.data.rows import FEATURES, dataset_row
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.methods.answering import PROMPTED, PromptAnswerer, told
from hf_selfdemo.methods.method import METHOD_FILE, Chosen, recorded_method
from hf_selfdemo.methods.self_demo import METHOD, Choosing, Sampling, SelfDemo
from hf_selfdemo.methods.verdict_first import ABSENT, PRESENT, VerdictAnswerer, cut_verdict
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.preflight import preflight
from hf_selfdemo.training.views import Views

IN_WORDS = Choosing(reply_form="verdict_first", pair_policy="wrong_and_refusal", replay_share=1.0)
WRITTEN = [
    *[("Winkler.", "rag", "correct"), ("Curie.", "rag", "incorrect")],
    *[("Winkler, I think.", "closed_book", "correct"), ("Not mentioned.", "refusal", "abstain")],
]


def chosen(row, written=WRITTEN, choosing=IN_WORDS):
    candidates = [Candidate(text, source, "p") for text, source, _ in written]
    return SelfDemo(choosing=choosing).select(row, candidates, [Verdict(label) for *_, label in written])


@pytest.mark.parametrize(
    ("in_context", "written", "response", "rejected"),
    [
        (True, WRITTEN, "Present: Winkler.", ["Present: Curie.", "Absent: Not mentioned."]),
        (False, WRITTEN, "Absent: Winkler.", ["Absent: Curie.", "Absent: Not mentioned."]),
        (False, [WRITTEN[1], WRITTEN[3]], "Absent: Not mentioned.", ["Absent: Curie."]),
    ],
    ids=["held", "known without them", "declined"],
)
def test_the_word_is_about_the_passages_and_not_about_the_reply(row, in_context, written, response, rejected):
    made, *_ = chosen(replace(row, answer_in_context=in_context), written)
    assert (made.response, [one.text for one in made.rejected]) == (response, rejected)
    plain, *_ = chosen(replace(row, answer_in_context=in_context), written, replace(IN_WORDS, reply_form="plain"))
    assert plain.response == cut_verdict(response)[1], "the same replies are chosen"


def test_a_row_without_passages_has_no_verdict_on_them(row):
    _, replayed = chosen(row)
    assert (replayed.mode, replayed.response) == ("closed_book", "Winkler, I think.")


def test_candidates_of_a_model_that_writes_the_word_already_do_not_have_it_twice(row):
    def say(request):
        return "Absent: Not mentioned." if request.stage == "refusal" else "Present: Winkler."

    strategy = SelfDemo(Sampling(1, 1, 1), IN_WORDS)
    [candidates] = converse([strategy.write(row)], ScriptedGenerator(say))
    assert [candidate.text for candidate in candidates] == ["Winkler.", "Winkler.", "Not mentioned."]


def test_a_view_without_the_passage_that_answers_says_that_it_is_absent(row):
    [made, _] = chosen(row)
    candidates = [Candidate(text, source, "p") for text, source, _ in WRITTEN]
    found = dataset_row(Judged(row, candidates, [Verdict(label) for *_, label in WRITTEN], [made]), made)
    view = Views(leave_gold_out=1.0).of(found, epoch=0)
    assert (view.kind, view.response, view.rejected) == ("abstain", "Absent: Not mentioned.", "Absent: Winkler.")


def talk(replies, mode="rag"):
    """Answer the requests with these replies in turn; returns the answer and the requests."""
    dialogue, requests, said = VerdictAnswerer(24).answer(ANSWERABLE, mode), [], None
    waiting = iter(replies)
    while True:
        try:
            asked = dialogue.send(said)
        except StopIteration as end:
            return end.value, requests
        requests += asked
        said = [next(waiting) for _ in asked]


SCORE = dict(told(ANSWERABLE, "rag", Reply("")))
TOLD = Reply("", scores=(math.log(0.6), math.log(0.2)))


def test_an_answer_comes_without_the_word_and_with_its_probability():
    answer, requests = talk([Reply("Present: Winkler.", logprob=-0.25), TOLD])
    assert (answer.text, answer.withheld, answer.trace) == ("Winkler.", None, (("reply", "Present: Winkler."),))
    assert dict(answer.signals)["verdict"] == pytest.approx(0.75) and dict(answer.signals)["logprob"] == -0.25
    assert [request.messages for request in requests] == [PROMPTED.prompt(ANSWERABLE, "rag")] * 2
    assert requests[1].openings == (ABSENT, PRESENT) and len({request.id for request in requests}) == 2


def test_where_it_declines_it_is_made_to_answer():
    answer, requests = talk([Reply("Absent: I don't know."), TOLD, Reply("Present: Curie.", logprob=-2.0)])
    assert (answer.text, answer.withheld.text) == ("I don't know.", "Curie.")
    assert dict(answer.withheld.signals) == {"verdict": pytest.approx(0.75), "logprob": -2.0, **SCORE}
    assert requests[2].avoid == (ABSENT,) and len(requests) == VerdictAnswerer.most_calls


def test_what_an_engine_cannot_tell_is_not_there():
    answer, _ = talk([Reply("Absent: I don't know."), Reply("", "error"), Reply("", "error")])
    assert answer == Answer("I don't know.", trace=(("reply", "Absent: I don't know."),), signals=(*SCORE.items(),))


def test_a_reply_without_the_word_is_left_as_it_is():
    assert talk([Reply("Winkler: present."), Reply("", "error")])[0] == Answer(
        "Winkler: present.", signals=(*SCORE.items(),)
    )


def test_without_passages_there_is_one_call_and_no_verdict():
    answer, requests = talk([Reply("Absent: Winkler.")], "closed_book")
    assert (answer.text, answer.signals, len(requests)) == ("Winkler.", (), 1)


def test_a_word_that_is_certain_has_a_probability_of_one_or_none():
    for scores, expected in (((0.0, -2000.0), 1.0), ((-2000.0, 0.0), 0.0)):
        answer, _ = talk([Reply("Present: Winkler."), Reply("", scores=scores)])
        assert dict(answer.signals)["verdict"] == pytest.approx(expected)


def test_a_trained_model_is_asked_as_it_was_trained(tmp_path: Path):
    for form, kind in (("plain", PromptAnswerer), ("verdict_first", VerdictAnswerer)):
        write_json(
            tmp_path / METHOD_FILE, Chosen("self_demo", METHOD, (Sampling(), Choosing(reply_form=form))).record()
        )
        found = recorded_method(tmp_path)
        assert found is not None and type(found.answerer(24)) is kind
    assert Chosen("self_demo", METHOD, (Sampling(), Choosing())).answerer(24).identity == PromptAnswerer(24).identity


def test_the_words_differ_in_their_first_token(tokenizer):
    one, other = (tokenizer(word, add_special_tokens=False)["input_ids"] for word in (PRESENT, ABSENT))
    assert one[0] != other[0]


def test_an_engine_tells_the_probability_of_the_word_and_training_sees_the_word(row, model, tokenizer):
    [answer] = converse([VerdictAnswerer(4).answer(row, "rag")], TransformersGenerator(model, tokenizer))
    assert 0 < dict(answer.signals)["verdict"] < 1
    made = [dataset_row(Judged(row, [], [], [one]), one) for one in chosen(row)[:1]]
    collator = SelfDemoDataCollator(tokenizer, answerer=VerdictAnswerer())
    assert preflight(Dataset.from_list(made, features=FEATURES), collator).sample.trained.startswith(
        "Present: Winkler."
    )
