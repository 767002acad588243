"""Every question under both contexts, towards each verified answer; replies to instructions beside."""

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.types import Evidence, Passage, Question, Skip
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.methods.pa_rag import METHOD, REPLAY, Augmentation, PaRag

GOLD = Passage("g", "The pump was built by Ada Storm in 1901.", "Pumps")
OTHERS = (Passage("a", "Mills grind corn.", "Mills"), Passage("b", "Saws cut wood.", "Saws"))
ASKED = Question("q", "Who built the pump?", ("Ada Storm",), passages=(GOLD,))
FOUND = Evidence(ASKED, (OTHERS[0], GOLD), answer_in_context=True)
MISSED = Evidence(ASKED, OTHERS)
SAID = {"style/0": "Ada Storm", "style/1": "Ada Storm built it.", "style/2": "Bo Lind did."}


def chosen(row, reply=lambda request: SAID[request.id.partition("/")[2]], **keys):
    dialogue = judged_row(row, PaRag(Augmentation(**keys)), AnswerMatchJudge())
    [judged] = converse([dialogue], ScriptedGenerator(reply))
    return judged.result


def test_each_verified_answer_is_trained_under_both_contexts():
    rows = chosen(FOUND)
    assert [(row.response, row.group) for row in rows] == [
        ("Ada Storm", "success"),
        ("Ada Storm", "failure"),
        ("Ada Storm built it.", "success"),
        ("Ada Storm built it.", "failure"),
    ]
    assert [row.id for row in rows] == ["q", "q#row_2", "q#row_3", "q#row_4"]
    assert [[p.id for p in row.evidence.passages] for row in rows[:2]] == [["a", "g"], ["a"]]
    assert [row.evidence.answer_in_context for row in rows[:2]] == [True, False]


def test_where_retrieval_missed_it_the_passage_that_came_with_the_question_is_put_first():
    success, failure, *_ = chosen(MISSED)
    assert [p.id for p in success.evidence.passages] == ["g", "a"] and success.evidence.answer_in_context
    assert [p.id for p in failure.evidence.passages] == ["a", "b"]


def test_the_same_answer_in_the_same_words_is_trained_once():
    assert len(chosen(FOUND, lambda request: "ada storm!")) == 2


def test_only_the_styles_asked_for_are_written_and_from_the_passages_that_hold_the_answer():
    asked = []
    chosen(FOUND, lambda request: asked.append(request) or "Ada Storm", answers_per_question=2)
    texts = [request.messages[0]["content"] for request in asked]
    assert len(texts) == 2 and all("Ada Storm" in text and "Mills" not in text for text in texts)
    assert "in a few words" in texts[0] and "one whole sentence" in texts[1]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (Evidence(Question("q", "Who?", ("Cy Holm",)), OTHERS), "no passage contains an answer"),
        (Evidence(ASKED, OTHERS, gold_removed=True), "no passage contains an answer"),
    ],
)
def test_what_nothing_can_be_written_of_is_named(row, reason):
    assert chosen(row) == Skip(reason)


def test_without_a_verified_answer_the_row_is_left_out():
    assert chosen(FOUND, lambda request: "Bo Lind") == Skip("no verified answer")


def test_replies_to_instructions_are_chats_in_the_models_own_words():
    row = Evidence(Question("instruction/1", "Name three colours.", source=REPLAY))
    [made] = chosen(row, lambda request: "Red, green and blue.")
    assert (made.kind, made.response, made.group, made.verified) == ("chat", "Red, green and blue.", REPLAY, False)


def test_the_tag_stands_before_the_question_wherever_the_model_is_asked():
    tagged, usual = (METHOD.answerer(Augmentation(domain_tag=tag), 8, 0) for tag in ("[Pumps]", ""))
    assert usual == PromptAnswerer(8)
    for mode in ("rag", "closed_book"):
        before, after = (one.prompt(FOUND, mode)[0]["content"] for one in (usual, tagged))
        assert after == before.replace("Question: Who", "Question: [Pumps] Who")
    assert "Question: [Pumps] {{ question }}" in tagged.template() and tagged.identity != usual.identity
