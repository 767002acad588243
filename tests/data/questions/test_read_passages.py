"""No passage vanishes by its id: the same id with other text stays apart, and gold ids follow."""

import datasets
import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.questions import corpus_of, read_passages, read_questions, shortened
from hf_selfdemo.data.questions.passages import told_apart


def asked(*ctxs, **fields):
    row = {"id": "q", "question": "?", "answers": ["a"], "ctxs": list(ctxs), **fields}
    return read_questions(
        datasets.Dataset.from_list([row]), preset="dpr", columns=["gold=gold"] if "gold" in row else ()
    )


def corpus(*rows):
    return read_passages(datasets.Dataset.from_list([{"title": "", **row} for row in rows]))


def test_two_chunks_with_their_documents_id_both_stay_in_a_question():
    [question] = asked({"id": "doc", "text": "Sold in Halden."}, {"id": "doc", "text": "It is amber."}, gold=["doc"])
    assert [p.text for p in question.passages] == ["Sold in Halden.", "It is amber."]
    assert len({p.id for p in question.passages}) == 2 and all(map(question.is_gold, question.passages))


def test_the_same_passage_twice_is_one_with_its_first_score():
    [question] = asked(*({"id": "7", "text": "Ada.", "title": "T", "score": score} for score in (2.0, 1.0)))
    assert question.passages == (Passage("7", "Ada.", "T", 2.0),)


def test_two_chunks_with_their_documents_id_both_stay_in_a_corpus():
    passages = corpus({"id": 1, "text": "One."}, {"id": 2, "text": "Two."}, {"id": 1, "text": "Three."})
    assert [p.text for p in passages] == ["One.", "Two.", "Three."]
    assert passages[1].id == "2" and len({p.id for p in passages}) == 3
    named = Question("q", "?", gold_ids=("1",))
    assert [named.is_gold(p) for p in passages] == [True, False, True]
    exact = Question("q", "?", gold_ids=(passages[2].id,))
    assert [exact.is_gold(p) for p in passages] == [False, False, True]


def test_marks_come_from_the_text_and_not_from_the_order():
    rows = [Passage("doc", text) for text in ("One.", "Two.", "Three.")]
    assert {p.id: p.text for p in told_apart(rows)} == {p.id: p.text for p in told_apart(rows[::-1])}
    assert told_apart(told_apart(rows)) == told_apart(rows)


def test_ids_that_count_anew_in_every_question_keep_each_passage_and_its_gold():
    texts = {"q0": ("Zorb is amber.", "Zorb is sold."), "q1": ("Quill is teal.", "Quill is sold.")}
    questions = [
        Question(q, "?", passages=tuple(Passage(str(i), text) for i, text in enumerate(both)), gold_ids=("0",))
        for q, both in texts.items()
    ]
    passages, followed = corpus_of(questions)
    assert sorted(p.text for p in passages) == sorted(text for both in texts.values() for text in both)
    for question in followed:
        assert [p.text for p in passages if question.is_gold(p)] == [texts[question.id][0]]


def test_passages_that_questions_share_are_one_whether_marked_or_not():
    first = Question("a", "?", passages=tuple(told_apart([Passage("doc", "One."), Passage("doc", "Two.")])))
    second = Question("b", "?", passages=(Passage("doc", "One."), Passage("x", "Other.")), gold_ids=("doc",))
    passages, [_, followed] = corpus_of([first, second])
    assert sorted(p.text for p in passages) == ["One.", "Other.", "Two."]
    assert [p.text for p in passages if followed.is_gold(p)] == ["One."]


def test_pieces_of_local_ids_follow_their_question():
    questions = [
        Question(
            q, "?", passages=tuple(shortened([Passage("0", f"{q} one. {q} two.")], 2, split=True)), gold_ids=("0",)
        )
        for q in ("a", "b")
    ]
    passages, followed = corpus_of(questions)
    assert [[p.text for p in passages if q.is_gold(p)] for q in followed] == [
        ["a one.", "a two."],
        ["b one.", "b two."],
    ]


@pytest.mark.parametrize(
    "ctxs",
    [
        '[{"id": "1", "title": "T", "text": "One."}, {"id": "2", "title": null, "text": "Two."}]',
        "[{'id': '1', 'title': 'T', 'text': 'One.'}, {'id': '2', 'title': None, 'text': 'Two.'}]",
        ['{"id": "1", "title": "T", "text": "One."}', '{"id": "2", "text": "Two."}'],
        {"id": ["1", "2"], "title": ["T", None], "text": ["One.", "Two."]},
    ],
    ids=["JSON", "Python", "list of JSON", "object of lists"],
)
def test_passages_written_as_text_are_passages(ctxs):
    rows = datasets.Dataset.from_list([{"question": "?", "answers": ["a"], "ctxs": ctxs}])
    [question] = read_questions(rows, preset="dpr")
    assert question.passages == (Passage("1", "One.", "T"), Passage("2", "Two.", ""))


def test_a_cell_that_was_cut_off_is_refused():
    rows = datasets.Dataset.from_list([{"question": "?", "answers": ["a"], "ctxs": '[{"id": "1", "text": "On'}])
    with pytest.raises(UserError, match=r"row 1 .*'ctxs' begins like a list"):
        read_questions(rows, preset="dpr")


def test_gaps_in_passages_are_no_text_and_no_best_score(tmp_path):
    (tmp_path / "q.jsonl").write_text(
        '{"question": "?", "answers": ["a"], "ctxs": [{"id": NaN, "title": NaN, "text": "One.", "score": NaN},'
        '{"id": 2, "title": 7, "text": "Two.", "score": -3.5}, {"id": 3.0, "text": "Three.", "score": -1}]}'
    )
    [question] = read_questions(str(tmp_path / "q.jsonl"), preset="dpr")
    assert [(p.title, p.text, p.score) for p in question.passages] == [
        ("7", "Two.", -3.5),
        ("", "Three.", -1.0),
        ("", "One.", -3.5),
    ]
    assert [p.id for p in question.passages][:2] == ["2", "3"] and "nan" not in question.passages[2].id
