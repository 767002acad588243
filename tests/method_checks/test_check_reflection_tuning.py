"""Reflection-Tuning's check: what became of each reflection, read from what was asked."""

import math

import check_reflection_tuning
import pytest
from check_reflection_tuning import Reflection, figures, reflections

from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Prediction, Reply, Request
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.recipe import engine


def asked(name, score=None):
    request = Request(f"q/1/{name}", (), "ifd", scored="" if score is None else "text")
    return request, Reply("", scores=() if score is None else (score,))


def test_a_reflection_is_readable_where_the_student_looked_at_it():
    said = [
        asked("question"),
        *(asked(f"ifd/{i}", score) for i, score in enumerate((-3.0, -1.0, -2.0))),
        asked("answer"),
    ]
    question, answer = reflections(said)
    assert (question.part, question.readable, question.accepted) == ("question", True, True)
    assert (question.before, question.after) == (pytest.approx(math.exp(-2)), pytest.approx(math.exp(-1)))
    assert (answer.part, answer.readable, answer.accepted) == ("answer", False, False)


@pytest.mark.parametrize(
    ("part", "before", "after", "accepted"),
    [
        ("question", 0.5, 0.8, True),
        ("question", 0.5, 0.4, False),
        ("question", 0.5, 1.0, False),
        ("answer", 0.5, 0.4, True),
        ("answer", 0.5, 0.6, False),
        ("answer", 2.0, 1.5, False),
    ],
)
def test_the_student_accepts_by_the_papers_rule(part, before, after, accepted):
    assert Reflection(part, before, after).accepted is accepted


def test_figures_of_reflections_rows_and_replies():
    found = [Reflection("question", 0.5, 0.8), Reflection("question", 0.5, 0.4), Reflection("question")]
    new = {"prompt": "reflection/both", "label": "correct"}
    rows = [{"candidates": [{}, new]}, {"candidates": [{}]}, {"candidates": []}]
    replies = [Prediction("1", "rag", "", "correct", True, True), Prediction("2", "rag", "", "abstain", True, False)]
    tables = figures(found, {"selected": rows}, {"base": replies})
    shares = {name: (one["hits"], one["total"]) for name, one in tables["Reflections"]["question"].items()}
    assert shares == {"readable": (2, 3), "accepted, of readable": (1, 2), "readable and below 1": (2, 2)}
    assert tables["Measures"]["IFD, before"]["median"]["value"] == 0.5
    assert tables["Measures"]["IFD, accepted"]["median"]["value"] == 0.8
    assert tables["Measures"]["reversed IFD, accepted"]["median"]["value"] is None
    made = {name: (one["hits"], one["total"]) for name, one in tables["Rows"]["selected"].items()}
    assert made == {"rewritten": (1, 2), "new question": (1, 2), "new answer": (1, 2), "right, of rewritten": (1, 1)}
    assert tables["Test questions"]["base"]["not in context: declined"]["value"] == 1


def test_the_check_runs_at_a_tiny_size(command, tmp_path, monkeypatch):
    """Scripted replies; of two texts the scripted model finds the shorter one likelier, whatever stands before."""

    def reply(request):
        if request.stage == "question_reflection":
            return "It is vague. [New question] Which one is it?"
        return "It is short. [Better answer] I would not know." if request.stage == "answer_reflection" else "no idea"

    monkeypatch.setattr(engine, "in_process", lambda recipe, network, tokenizer: ScriptedGenerator(reply))
    check_reflection_tuning.main([*command, "--questions", "6", "--tested", "4"])
    record = read_json(tmp_path / "records" / "reflection_tuning.json")
    read = record["figures"]["Reflections"]
    assert (read["question"]["readable"]["hits"], read["answer"]["readable"]["hits"]) == (6, 6)
    assert read["question"]["accepted, of readable"]["hits"] == 0
    rows = record["figures"]["Rows"]
    assert rows["all_accepted"]["rewritten"]["value"] == 1 and rows["selected"]["rewritten"]["value"] == 0
    assert str(tmp_path) not in str(record)
