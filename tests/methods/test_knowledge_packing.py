"""Facts are sorted by what the model says of them, and those that are trained are mixed with others."""

from collections import Counter

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.types import Evidence, Question, Skip
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.methods.knowledge_packing import KnowledgePacking, Packing


def row(name="q", answers=("Bern",), **changes):
    return Evidence(Question(name, "What is the capital of Switzerland?", answers), **changes)


def packed(reply, evidence=None, **keys):
    strategy = KnowledgePacking(Packing(**({"probes": 4} | keys)))
    dialogue = judged_row(evidence or row(), strategy, AnswerMatchJudge())
    [judged] = converse([dialogue], ScriptedGenerator(reply))
    return judged.result


def sometimes(request):
    return "Bern." if request.id.endswith(("0", "1")) else "Basel."


@pytest.mark.parametrize(
    ("reply", "group"),
    [(lambda r: "Basel.", "unknown"), (sometimes, "maybe_known"), (lambda r: "It is Bern.", "highly_known")],
)
def test_facts_are_sorted_by_how_often_they_are_known(reply, group):
    [made] = packed(reply)
    assert (made.group, made.response, made.kind, made.mode) == (group, "Bern", "whole_chat", "closed_book")


def test_each_probe_shows_other_questions_and_answers():
    asked = []
    packed(lambda request: asked.append(request) or "Basel.", probes=10)
    assert len({str(request.messages) for request in asked}) == 10
    assert all(len(request.messages) == 9 and request.temperature == 0 for request in asked)
    assert all("Switzerland" in request.messages[-1]["content"] for request in asked)


def test_probes_that_begin_with_the_same_questions_share_them():
    asked = []
    for name in ("q", "other"):
        packed(lambda request: asked.append(request) or "Basel.", row(name), probes=3)
    shared = {request.share: request.messages[:-1] for request in asked}
    assert len(shared) == 3 and all(request.messages[:-1] == shared[request.share] for request in asked)


def test_unknown_facts_are_said_in_other_words():
    def reply(request):
        return "Which town governs Switzerland?" if "rephrased" in request.id else "Basel."

    first, second = packed(reply, extra="rephrased", extra_per_unknown=2)
    assert first.group == "unknown" and second.group == "rephrased" and second.suffix == "#row_2"
    assert second.evidence.question.text == "Which town governs Switzerland?" and second.response == "Bern"


def test_what_cannot_be_known_or_judged_is_named():
    assert packed(lambda r: "Basel.", row(answers=())) == Skip("no gold answer to train on")
    assert packed(lambda r: "", row()) == Skip("a probe could not be judged")


GROUPS = ["unknown", "rephrased", "maybe_known", "highly_known", "unknown", "rephrased", "highly_known", "highly_known"]


def kept(**keys):
    left_out = KnowledgePacking(Packing(**keys)).arrange(GROUPS, 0)
    return Counter(group for i, group in enumerate(GROUPS) if i not in left_out), left_out


def test_so_many_known_facts_are_mixed_in_for_each_unknown_one():
    assert kept(extra_per_unknown=1)[0] == {"unknown": 2, "rephrased": 2, "highly_known": 2}
    assert kept(extra_per_unknown=0)[0] == {"unknown": 2, "rephrased": 2}
    found, left_out = kept(max_unknown=1, extra="rephrased")
    assert found == {"unknown": 1, "rephrased": 1}
    assert left_out[2] == "the model may know the fact" and "more unknown facts than max_unknown" in left_out.values()
    assert "the model knows the fact, and enough known facts are mixed in" in left_out.values()
