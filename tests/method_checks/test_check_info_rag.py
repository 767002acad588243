"""INFO-RAG's check: the same cut in each scenario, the same questions in each context."""

import check_info_rag
import pytest
from check_info_rag import contexts, continuations, figures, replace_answers, usable_passages, with_false_answer

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question
from hf_selfdemo.generation.scripted import ScriptedGenerator

TEXT = "The pump was built by Ada Storm in 1901. It stood in the old mill for sixty years. Nobody oils it any more."
ROW = Evidence(
    Question("q", "Who built the pump?", ("Ada Storm",)),
    (Passage("p", "The pump was built by ADA STORM. Stormy weather broke it.", "Ada Storm's pump"),),
    answer_in_context=True,
)
OTHER = Evidence(Question("o", "Who built the mill?", ("Bo Lind",)), (Passage("m", "Bo Lind built it."),), True)


def twin(row):
    return Evidence(row.question, (Passage("x", "Saws cut wood."),), gold_removed=True)


def test_a_sentence_is_cut_at_the_same_place_in_each_scenario():
    [made] = continuations(ScriptedGenerator(), [Passage("p", TEXT)], 0)
    assert [one.group for one in made.values()] == list(made) == ["copy", "correct", "stimulate"]
    assert len({(one.evidence.question.text, one.response) for one in made.values()}) == 1
    whole = f"{made['copy'].evidence.question.text} {made['copy'].response}"
    shown = {name: [p.text for p in one.evidence.passages] for name, one in made.items()}
    assert whole in shown["copy"] and whole not in shown["stimulate"] and shown["correct"] != shown["copy"]


def test_every_statement_of_the_answer_is_replaced_and_no_other_word():
    [passage] = with_false_answer(ROW, "Bo Lind").passages
    assert passage.text == "The pump was built by Bo Lind. Stormy weather broke it."
    assert passage.title == "Bo Lind's pump"


def test_a_row_that_states_the_answer_in_other_words_is_left_out():
    row = Evidence(
        Question("q", "When did it open?", ("25 December 2001",)), (Passage("p", "It opened on December 25, 2001."),)
    )
    assert with_false_answer(row, "1 May 1999") is None


def test_the_same_questions_stand_in_every_context():
    unpaired = Evidence(Question("u", "Who?", ("Cy Holm",)), (Passage("p", "Cy Holm."),), True)
    found = contexts([ROW, OTHER, unpaired, twin(ROW), twin(OTHER)], 0)
    assert {name: [row.question.id for row in rows] for name, rows in found.items()} == {
        "has answer": ["q", "o"],
        "answer replaced": ["q", "o"],
        "no answer": ["q", "o"],
    }
    assert [row.question.answers for row in found["answer replaced"]] == [("Ada Storm",), ("Bo Lind",)]
    assert [replace_answers(row).question.answers for row in found["answer replaced"]] == [("Bo Lind",), ("Ada Storm",)]
    assert [row.gold_removed for row in found["no answer"]] == [True, True]


def test_usable_passages_have_several_sentences(small_data):
    found = usable_passages(small_data / "corpus.jsonl.gz", 5, 0)
    assert len({passage.id for passage in found}) == 5 and all(passage.text.count(". ") for passage in found)
    with pytest.raises(UserError, match="passages of several sentences"):
        usable_passages(small_data / "corpus.jsonl.gz", 10_000, 0)


def said(*labels):
    return [Prediction(str(i), "rag", "", label, True, True) for i, label in enumerate(labels)]


def test_figures_compare_the_method_with_its_control():
    nats = {name: {one: [value] * 2 for one in ("copy", "correct", "stimulate")} for name, value in NATS.items()}
    right = {"has answer": said("correct", "abstain"), "answer replaced": said("incorrect", "unscored")}
    wrong = {"no answer": said("incorrect", "incorrect"), "false answer": said("correct", "incorrect")}
    found = figures(nats, dict.fromkeys(NATS, right | wrong))
    assert found["Nats per token of the continuation"]["INFO-RAG against plain LM"]["copy"]["value"] == -1.0
    row = found["Right answers"]["base"]
    assert [row["has answer"]["value"], row["answer replaced"]["total"], row["no answer"]["hits"]] == [0.5, 1, 0]
    assert row["says the false answer"]["value"] == 0.5


NATS = {"base": 3.0, "plain_lm": 2.5, "info_rag": 1.5}


def test_the_check_runs_at_a_tiny_size(command, tmp_path):
    check_info_rag.main([*command, "--texts", "6", "--held_out", "2", "--questions", "4"])
    record = read_json(tmp_path / "records" / "info_rag.json")
    assert [one["training"]["rows"] for one in record["arms"].values()] == [6, 6]
    assert (
        record["sizes"]["asked"] > 0
        and record["figures"]["Nats per token of the continuation"]["base"]["copy"]["total"] == 2
    )
    assert str(tmp_path) not in str(record)
