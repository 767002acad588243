"""One call under the prompt of the mode: the same call as ever, so that no ledger is paid again."""

import dataclasses

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import Answer, Evidence, Passage, Question, Reply, Request
from hf_selfdemo.evaluation.evaluated import Evaluation, write_manifest, write_predictions, write_rows
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.answering import PromptAnswerer, single_prompt
from hf_selfdemo.methods.method import METHOD_FILE, recorded_method
from hf_selfdemo.prompting.prompts import render

MODES = ("rag", "closed_book")


def rows(count=4):
    shown = (Passage("p1", "Winkler found it.", "Germanium"), Passage("p2", "Courtois found iodine."))
    return [Evidence(Question(f"q{i}", f"Who found number {i}?", ("Winkler",)), shown) for i in range(count)]


@pytest.mark.parametrize("template", [None, "candidates/rag_1"])
@pytest.mark.parametrize("mode", MODES)
def test_a_ledger_written_before_answerers_serves_every_call(tmp_path, mode, template):
    """The requests below are what evaluation asked when it rendered its prompt itself."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    before = [
        Request(
            row.id,
            render((template if mode == "rag" else None) or mode, row.question.text, row.passages * (mode == "rag")),
            f"evaluate {mode}",
            0.0,
            24,
        )
        for row in rows()
    ]
    list(RecordedGenerator(ScriptedGenerator(), ledger).stream(before))
    generator = RecordedGenerator(ScriptedGenerator(lambda request: pytest.fail("asked again")), ledger)
    answerer = PromptAnswerer(24, **({"rag": template} if template else {}))
    predict(rows(), generator, AnswerMatchJudge(), mode, answerer)
    assert (generator.usage.calls, generator.reused.calls) == (0, 4)
    assert list(generator.reused.by_stage) == [f"evaluate {mode}"]


def test_other_words_or_lengths_are_another_identity():
    one = PromptAnswerer(24)
    assert one.identity == PromptAnswerer(24).identity
    assert len({a.identity for a in (one, PromptAnswerer(25), PromptAnswerer(24, rag="candidates/rag_1"))}) == 3


class Talks:
    """Two calls; it shows passages of its own and is as sure as it says."""

    identity, most_calls = "talks/1", 2
    own = (Passage("x", "Winkler found it.", "Elsewhere"),)

    def answer(self, evidence, mode):
        [draft] = yield [Request(f"{evidence.id}/draft", render("closed_book", evidence.question.text), "draft")]
        [last] = yield [Request(f"{evidence.id}/last", render("rag", draft.text, self.own), "last")]
        return Answer(last.text, last.finish_reason, 0.5, self.own, (("draft", draft.text),))

    def prompt(self, evidence, mode):
        return None


def test_what_an_answer_tells_reaches_the_prediction():
    bare = [dataclasses.replace(row, passages=()) for row in rows(2)]
    generator = ScriptedGenerator(lambda r: "a draft" if r.stage == "draft" else "Winkler")
    found = predict(bare, generator, AnswerMatchJudge(), "rag", Talks())
    assert [(p.label, p.confidence, p.trace) for p in found] == [("correct", 0.5, (("draft", "a draft"),))] * 2
    assert all(p.answer_in_context for p in found), "the passages that were really shown hold the answer"


def test_an_answerer_that_lacks_a_member_is_refused_before_anything_is_asked():
    with pytest.raises(UserError, match="the answerer is a str and has no identity, most_calls, answer, prompt"):
        predict([], ScriptedGenerator(), AnswerMatchJudge(), "rag", "prompt")


def test_who_needs_a_single_prompt_is_told_that_there_is_none():
    assert single_prompt("Who?", mode="closed_book") == render("closed_book", "Who?")
    with pytest.raises(UserError, match="talks asks a question in several calls and has no single prompt"):
        single_prompt("Who?", answerer=Talks())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"method": "raff", "keys": {}}, "names the method 'raff', which this version does not have"),
        ({"method": "raft", "keys": {"share": 1}}, "names the option 'share', which method 'raft' does not have"),
        ({"method": "raft", "keys": {"oracle_share": 2.0}}, "oracle_share is 2"),
        ({"keys": {}}, "method.json is damaged, method is missing"),
    ],
)
def test_a_folder_of_a_method_that_is_not_known_is_refused_by_its_file(tmp_path, content, message):
    write_json(tmp_path / METHOD_FILE, content)
    with pytest.raises(UserError, match=message):
        recorded_method(tmp_path)


def test_a_trace_is_kept_in_the_file_of_predictions_and_only_there_where_there_is_one(tmp_path):
    generator = ScriptedGenerator(lambda r: "a draft" if r.stage == "draft" else "Winkler")
    evidence = rows(2)
    told = {"plain": PromptAnswerer(), "talks": Talks()}
    write_rows(tmp_path, evidence)
    found = {name: predict(evidence, generator, AnswerMatchJudge(), "rag", a) for name, a in told.items()}
    for name, predictions in found.items():
        write_predictions(tmp_path, name, "rag", predictions)
    by_column = {"judges": {name: {} for name in told}} | {k: {} for k in ("models", "usage", "reused", "training")}
    write_manifest(tmp_path, ["rag"], by_column, {"title": "two"})
    read = {name: Evaluation(tmp_path).column(name).predictions["rag"] for name in told}
    assert read == found and read["talks"][0].trace == (("draft", "a draft"),)
    assert "trace" not in (tmp_path / "predictions/plain.rag.jsonl").read_text()


OPENINGS = ("I don't", "The passages do not")
SCORED = (Passage("p1", "Winkler found it.", "Germanium", 7.5), Passage("p2", "Courtois found iodine.", score=3.0))


def says(refuses, answers):
    """A model that declines where it is asked about `refuses`, unless it may not."""

    def reply(request):
        declines = refuses in request.messages[-1]["content"] and not request.avoid
        return "I don't know." if declines else answers

    return ScriptedGenerator(reply)


def test_signals_come_beside_the_answer_and_what_was_withheld_after_a_refusal():
    evidence = [dataclasses.replace(row, passages=SCORED) for row in rows(2)]
    asked = []
    model = says("number 1", "Winkler")
    model.reply, reply = lambda request: (asked.append(request), reply(request))[1], model.reply
    found = predict(evidence, model, AnswerMatchJudge(), "rag", PromptAnswerer(openings=OPENINGS, withheld=True))
    assert [(p.text, p.label) for p in found] == [("Winkler", "correct"), ("I don't know.", "abstain")]
    chances = [dict(p.signals)["refusal"] for p in found]
    assert chances == [pytest.approx(0), pytest.approx(1)]
    assert all(dict(p.signals)["retriever_score"] == 7.5 and "logprob" not in dict(p.signals) for p in found)
    assert found[0].withheld is None
    withheld = found[1].withheld
    assert (withheld.id, withheld.text, withheld.label) == ("q1", "Winkler", "correct")
    assert dict(withheld.signals) == {"retriever_score": 7.5, "refusal": pytest.approx(1)}
    shares = {(repr(r.messages), r.share) for r in asked if "number 1" in repr(r.messages)}
    assert len(shares) == 1 and all(share for _, share in shares), "one prompt, whose states are computed once"
    assert [r.avoid for r in asked if r.avoid] == [OPENINGS]
    assert len(asked) == 2 + 3 and PromptAnswerer(openings=OPENINGS, withheld=True).most_calls == 3


def test_a_refusal_that_begins_in_no_known_way_is_not_given_again():
    generator = ScriptedGenerator(lambda r: "Winkler" if "Nothing is said" in r.avoid else "Nothing is said of it.")
    [said] = predict(rows(1), generator, AnswerMatchJudge(), "rag", PromptAnswerer(openings=OPENINGS, withheld=True))
    assert (said.label, said.withheld.text) == ("abstain", "Winkler")


def test_passages_without_a_score_give_no_signal():
    for shown in ((), rows(1)[0].passages):
        row = dataclasses.replace(rows(1)[0], passages=shown)
        [said] = predict([row], ScriptedGenerator(), AnswerMatchJudge(), "rag")
        assert said.signals == ()


class Server(ScriptedGenerator):
    """An engine that writes and can do nothing else."""

    def stream(self, requests):
        for place, reply in super().stream(requests):
            plain = not (requests[place].openings or requests[place].avoid)
            yield place, reply if plain else Reply("", "error", error="a server cannot")


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_engine_that_tells_no_openings_costs_no_row(tmp_path, concurrency):
    server = Server(says("number", "Winkler").reply)
    server.concurrency = concurrency
    ledger = Ledger(tmp_path / "ledger.sqlite")
    told = predict(rows(), RecordedGenerator(server, ledger), AnswerMatchJudge(), "rag")
    again = RecordedGenerator(server, ledger)
    answerer = PromptAnswerer(openings=OPENINGS, withheld=True)
    assert predict(rows(), again, AnswerMatchJudge(), "rag", answerer) == told
    assert again.reused.by_stage["evaluate rag"].calls == 4, "replies that were paid for serve"
    assert {p.label for p in told} == {"abstain"} and all(p.withheld is None for p in told)


def test_signals_are_asked_for_with_passages_alone():
    asked = []
    generator = ScriptedGenerator(lambda request: (asked.append(request), "I don't know.")[1])
    predict(rows(2), generator, AnswerMatchJudge(), "closed_book", PromptAnswerer(openings=OPENINGS, withheld=True))
    assert len(asked) == 2


def test_what_is_asked_besides_changes_no_identity():
    assert PromptAnswerer(24, openings=OPENINGS, withheld=True).identity == PromptAnswerer(24).identity


def test_openings_that_do_not_add_up_are_refused():
    with pytest.raises(UserError, match="the opening 'I do not' begins with the opening 'I do'"):
        PromptAnswerer(openings=("I do", "I do not"))
    with pytest.raises(UserError, match="withheld needs openings"):
        PromptAnswerer(withheld=True)


def test_a_model_in_process_tells_all_signals(model, tokenizer):
    """The sum over openings, and the mean log-probability of each of the two replies."""
    evidence = [dataclasses.replace(row, passages=SCORED) for row in rows(2)]
    generator = TransformersGenerator(model, tokenizer)
    usual = predict(evidence, generator, AnswerMatchJudge(), "rag", PromptAnswerer(8))
    openings = tuple(" ".join(p.text.split()[:1]) for p in usual[:1])
    answerer = PromptAnswerer(8, openings=openings)
    told = predict(evidence, generator, AnswerMatchJudge(), "rag", answerer)
    assert [p.text for p in told] == [p.text for p in usual]
    for plain, said in zip(usual, told, strict=True):
        signals = dict(said.signals)
        assert list(signals) == ["retriever_score", "logprob", "refusal"]
        assert 0 < signals["refusal"] < 1 and signals["logprob"] == pytest.approx(
            dict(plain.signals)["logprob"], abs=1e-4
        )
