"""Self-RAG's check: accuracy as the threshold moves, and how well the relevance token ranks passages."""

import check_self_rag
import pytest
from check_self_rag import THRESHOLDS, auc, figures

from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.recipe import engine

HOLDS, OTHER = Passage("g", "Ada Storm built the pump.", score=1.0), Passage("a", "Mills grind corn.", score=2.0)
ROWS = [Evidence(Question(str(i), "Who built it?", ("Ada Storm",)), (OTHER, HOLDS)) for i in range(4)]


def said(*labels, **signals):
    told = tuple((name, value) for name, value in signals.items())
    return [Prediction(str(i), "rag", "", label, True, True, signals=told) for i, label in enumerate(labels)]


def test_the_sweep_takes_each_answer_on_its_side_of_the_threshold():
    always = said("correct", "correct", "incorrect", "incorrect")
    never = said("incorrect", "abstain", "correct", "incorrect")
    wanted = [0.9, 0.55, 0.15, 0.0]
    found = figures(ROWS, always, always, never, wanted, [[0.1, 0.9]] * 4, [[0.5, 0.5]] * 4)
    sweep = found["Threshold"]
    assert list(sweep) == [f"{one:.1f}" for one in THRESHOLDS]
    assert [row["retrieves"]["hits"] for row in sweep.values()] == [3, 3, 2, 2, 2, 2, 1, 1, 1, 0, 0]
    assert sweep["0.2"]["right"]["value"] == 0.75, "two from passages, one from memory"
    assert sweep["0.2"]["right, as many drawn at random"]["value"] == pytest.approx(0.25 + 0.5 * 0.25)
    assert sweep["1.0"]["right"]["value"] == 0.25 and sweep["1.0"]["declines"]["value"] == 0.25
    passages = found["Area under the ROC curve: passages with the answer"]
    values = {name: row["all passages"]["value"] for name, row in passages.items()}
    assert values == {"trained relevance token": 1.0, "untrained relevance token": 0.5, "BM25's score": 0.0}


def test_a_score_that_nobody_tells_is_in_no_figure():
    assert auc([None, 0.2, 0.4], [True, False, True])["value"] == 1.0
    assert auc([None, 0.4], [False, True])["value"] is None


def test_the_check_runs_at_a_tiny_size(command, tmp_path, monkeypatch):
    """Scripted replies: the passage itself, which holds the answer or does not; from memory nothing is known."""

    def reply(request):
        if request.stage == "refusal" or (not request.begun and request.stage == "closed_book"):
            return "I do not know."
        passage = request.messages[-1]["content"].partition("\n\nQuestion:")[0]
        return "".join(part.text for part in request.begun if not part.trusted) or passage.rpartition("] ")[2]

    def scripted(recipe, network, tokenizer):
        return ScriptedGenerator(reply)

    monkeypatch.setattr(engine, "in_process", scripted)
    monkeypatch.setattr(check_self_rag, "in_process", scripted)
    check_self_rag.main([*command, "--questions", "6", "--tested", "4", "--easy", "4", "--max_written_tokens", "200"])
    record = read_json(tmp_path / "records" / "self_rag.json")
    assert record["arms"]["self_rag"]["training"]["rows"] > 4 and record["sizes"]["questions"] == 6
    assert record["figures"]["Model"]["always"]["right"]["value"] is not None
    assert str(tmp_path) not in str(record)
