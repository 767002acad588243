"""PA-RAG's check: both contexts of each trained question, and recall of the gold answer in them."""

import check_pa_rag
import pytest
from check_pa_rag import both_contexts, figures, recalls, with_twins
from datasets import Dataset

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question
from hf_selfdemo.data.rows import SEGMENTED, evidence_row
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.recipe import engine

ASKED = Question("q", "Who built the pump?", ("Ada Storm", "Storm"))
SUCCESS = Evidence(ASKED, (Passage("g", "Ada Storm built the pump."),), answer_in_context=True)
FAILURE = Evidence(ASKED, (Passage("a", "Mills grind corn."),))
OTHER = Evidence(Question("o", "Who?", ("Bo",)), (Passage("b", "Bo did."),), answer_in_context=True)
REPLAY = Evidence(Question("instruction/1", "Name a colour."))


def dataset(*rows):
    made = [{**evidence_row(row), "id": name, "kind": kind, "segments": []} for name, row, kind in rows]
    return Dataset.from_list(made, features=SEGMENTED)


def said(*texts, label="correct"):
    return [Prediction(str(i), "rag", text, label, True, True) for i, text in enumerate(texts)]


def test_questions_of_both_contexts_are_asked_once_under_each():
    rows = dataset(
        ("q", SUCCESS, ""), ("q#row_2", FAILURE, ""), ("q#row_3", SUCCESS, ""), ("o", OTHER, ""), ("i", REPLAY, "chat")
    )
    found = both_contexts(rows)
    assert {name: [row.id for row in rows] for name, rows in found.items()} == {"failure": ["q"], "success": ["q"]}
    assert found["success"][0].answer_in_context and not found["failure"][0].answer_in_context
    with pytest.raises(UserError, match="no question"):
        both_contexts(dataset(("o", OTHER, "")))


def test_test_questions_are_paired_with_their_twins():
    twin = Evidence(ASKED, FAILURE.passages, gold_removed=True)
    found = with_twins([SUCCESS, OTHER, twin])
    assert found == {"failure": [twin], "success": [SUCCESS]}


def test_recall_is_of_the_tokens_of_the_best_answer():
    assert recalls([SUCCESS, FAILURE, OTHER], said("It was Ada.", "Storm", "Nobody")) == [0.5, 1.0, 0.0]


def test_figures_tell_questions_by_the_context_that_the_control_trained():
    other = Evidence(Question("r", "Who?", ("Cy",)), FAILURE.passages)
    trained = {"failure": [FAILURE, other], "success": [SUCCESS, other]}
    tested = {"failure": [FAILURE], "success": [SUCCESS]}
    replies = {
        "trained": {
            "raft": {"failure": said("Storm", "no", label="incorrect"), "success": said("Storm", "Cy")},
            "pa_rag": {"failure": said("Storm", "Cy"), "success": said("Storm", "Cy")},
        },
        "tested": {name: {c: said("Storm") for c in ("failure", "success")} for name in ("raft", "pa_rag")},
    }
    found = figures(trained, tested, replies, {"q": False, "r": True})
    table = found["Trained questions"]
    assert table["raft"]["failure: recall"]["value"] == 0.5 and table["raft"]["failure: right"]["value"] == 0
    assert table["PA-RAG against RAFT"]["failure: recall"]["value"] == 0.5
    split = found["Recall on trained questions, by the context that RAFT trained"]["raft"]
    values = {name.rpartition("trained the ")[2]: one["value"] for name, one in split.items() if "failure, " in name}
    assert values == {"failure context": 1.0, "success context": 0.0}


def test_the_check_runs_at_a_tiny_size(command, small_data, tmp_path, monkeypatch):
    """Scripted replies: every question is answered by the first sentence of the passage before it."""

    def reply(request):
        passage = request.messages[-1]["content"].partition("\n\nQuestion:")[0]
        return passage.rpartition("] ")[2]

    monkeypatch.setattr(engine, "in_process", lambda recipe, network, tokenizer: ScriptedGenerator(reply))
    check_pa_rag.main([*command, "--questions", "8", "--tested", "6"])
    record = read_json(tmp_path / "records" / "pa_rag.json")
    arms = record["arms"]
    assert arms["raft"]["training"]["rows"] == record["sizes"]["questions"] > 0
    assert arms["pa_rag"]["training"]["rows"] > 2 * record["sizes"]["questions"] - 1
    assert record["figures"]["Trained questions"]["base"]["success: recall"]["value"] > 0
    assert str(tmp_path) not in str(record)
