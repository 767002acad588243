"""Which lists Invar-RAG makes, what it asks, and what its rewrites are."""

from dataclasses import replace

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Evidence, Passage, Question, Reply, Skip
from hf_selfdemo.generation.likelihood import response_nll
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.answering import single_prompt
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.methods.invar_rag import InvarRag, Lists, refuse_without_lists
from hf_selfdemo.methods.rewrites import FORMS, half_window, rewrites

ASKED = Question("q1", "Who discovered germanium?", ("Winkler",))
FOUND = "It is a grey and brittle metal. Winkler found it in the year"
WITH = [Passage(f"w{i}", f"{FOUND} {i}.", "Germanium") for i in range(2)]
WITHOUT = [Passage(f"n{i}", f"Courtois discovered iodine in 181{i}.") for i in range(4)]
ROW = Evidence(ASKED, (WITHOUT[0], WITH[0], WITHOUT[1], WITH[1], *WITHOUT[2:]), answer_in_context=True)


def judged(strategy, generator, row=ROW):
    return next(converse([judged_row(row, strategy, AnswerMatchJudge())], generator))


def test_a_list_is_the_best_passage_with_the_answer_and_the_best_without():
    [made] = InvarRag(Lists(max_negatives=3, likelihoods=False)).select(ROW, [], [])
    assert [p.id for p in made.evidence.passages] == ["w0", "n0", "n1", "n2"]
    assert (made.kind, made.response, made.evidence.answer_in_context) == ("ranked", "Winkler", True)
    assert made.ranking.questions == tuple(rewrites(ASKED.text).values()) and len(made.ranking.questions) == 3
    assert made.ranking.windows[0] == "Winkler found it in the year 0."
    assert made.ranking.windows[1] == "Courtois discovered iodine" and made.ranking.likelihoods == ()


def test_a_gold_passage_counts_as_one_that_holds_the_answer():
    row = replace(ROW, question=replace(ASKED, answers=("Nobody",), gold_ids=("n1",)))
    [made] = InvarRag(Lists(likelihoods=False)).select(row, [], [])
    assert [p.id for p in made.evidence.passages][:2] == ["n1", "n0"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (replace(ROW, gold_removed=True), "no accepted answer, or a twin"),
        (replace(ROW, question=replace(ASKED, answers=())), "no accepted answer, or a twin"),
        (replace(ROW, question=replace(ASKED, answerable=False)), "no accepted answer, or a twin"),
        (replace(ROW, passages=tuple(WITHOUT)), "no candidate contains the answer"),
        (replace(ROW, passages=()), "no candidate contains the answer"),
        (replace(ROW, passages=tuple(WITH)), "every candidate contains the answer"),
    ],
)
def test_a_question_without_a_list_is_named_and_not_asked_about(row, reason):
    asked = []
    found = judged(InvarRag(), ScriptedGenerator(lambda request: asked.append(request) or ""), row)
    assert found.result == Skip(reason) and asked == []


def test_the_model_tells_how_likely_the_answer_is_after_each_passage_and_is_asked_once(model, tokenizer, tmp_path):
    generator = RecordedGenerator(TransformersGenerator(model, tokenizer), Ledger(tmp_path / "ledger.sqlite"))
    found = judged(InvarRag(), generator)
    [made] = found.result
    prompts = [single_prompt(ASKED.text, [passage]) for passage in made.evidence.passages]
    losses = response_nll(model, tokenizer, prompts, ["Winkler"] * len(prompts))
    assert made.ranking.likelihoods == pytest.approx([-nats / tokens for nats, tokens in losses], abs=0.02)
    assert len({round(value, 4) for value in made.ranking.likelihoods}) > 1
    assert generator.usage.calls == len(prompts)
    assert judged(InvarRag(), generator).result == found.result and generator.usage.calls == len(prompts)


def test_a_likelihood_that_nobody_told_makes_no_list():
    class Silent(ScriptedGenerator):
        def stream(self, requests):
            yield from ((i, Reply("", scores=(-1.0,) if i else ())) for i, _ in enumerate(requests))

    assert judged(InvarRag(), Silent()).result == Skip("the likelihood of the answer was not measured")


def test_no_list_at_all_is_refused():
    refuse_without_lists([replace(ROW, passages=tuple(WITHOUT)), ROW])
    rows = [replace(ROW, passages=tuple(WITHOUT)), replace(ROW, passages=tuple(WITH))]
    with pytest.raises(
        UserError, match=r"every candidate contains the answer; no candidate contains .*passages_per_question"
    ):
        refuse_without_lists(rows)
    with pytest.raises(UserError, match="there are no questions"):
        refuse_without_lists([])


@pytest.mark.parametrize(
    ("question", "forms"),
    [
        ("How many people live in Bern?", ["Some number of people live in Bern.", "many people live Bern"]),
        ("where is the Danube", ["The Danube is somewhere.", "Danube", "Danube: where is the"]),
        ("Is Bern the capital?", ["Is Bern the capital.", "Bern capital", "Bern: Is the capital"]),
        ("Germanium", ["Germanium."]),
        ("the", ["The."]),
        ("", []),
    ],
)
def test_rewrites_follow_from_the_words(question, forms):
    found = rewrites(question)
    assert list(found.values())[: len(forms)] == forms
    assert list(found) == [name for name in FORMS if name in found]
    assert question.strip() not in found.values() and rewrites(question) == found


def test_a_window_is_the_half_that_holds_the_answer():
    first, second = "Winkler found it here. Nobody else was there.", "Nobody was there. It was found by Winkler."
    assert half_window(Passage("p", first), ASKED) == "Winkler found it here."
    assert half_window(Passage("p", second), ASKED) == "was found by Winkler."
    assert half_window(Passage("p", "Nobody was ever there"), ASKED) == "Nobody was"
    assert half_window(Passage("p", "Germanium"), ASKED) == "Germanium"
