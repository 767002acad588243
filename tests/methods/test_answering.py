"""One call under the prompt of the mode: the same call as ever, so that no ledger is paid again."""

import dataclasses

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import Answer, Evidence, Passage, Question, Request
from hf_selfdemo.evaluation.evaluated import Evaluation, write_manifest, write_predictions, write_rows
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
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
    with pytest.raises(UserError, match="talks asks a question in several calls, and has no single prompt"):
        single_prompt("Who?", answerer=Talks())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"method": "raff", "keys": {}}, "names the method 'raff', which is not known here"),
        ({"method": "raft", "keys": {"share": 1}}, "names the key 'share', which method 'raft' does not have"),
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
