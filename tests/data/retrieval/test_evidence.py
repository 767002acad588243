"""Twins have everything masked that gives the answer, and still k passages; recall is counted over what is known."""

import pytest

from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.evidence import (
    choose_twins,
    collect_evidence,
    leave_gold_out,
    recall_report,
)
from hf_selfdemo.data.retrieval.given import GivenRetriever


def given(*passages, **options):
    return Question("q", "Who?", ("Ada",), passages=passages, **options)


def test_the_answer_in_context_flag():
    yes, no = Passage("yes", "It was Ada."), Passage("no", "It was not.")
    rows = [given(no, yes), given(no), given(yes, answerable=False), given()]
    flags = [[row.answer_in_context for row in collect_evidence(rows, GivenRetriever(), k)] for k in (1, 2)]
    assert flags == [[False, False, False, False], [True, False, False, False]]
    assert not any(row.gold_removed for row in collect_evidence(rows, GivenRetriever(), 2))


# 30 passages hold the answer and rank first, one is gold without the answer, the rest are harmless
CORPUS = [
    *(Passage(f"a{i:02d}", "Ada built the engine, the engine, the engine.") for i in range(29)),
    Passage("title", "The engine, the engine, the engine.", "Ada"),
    Passage("gold", "She built the engine, the engine."),
    *(Passage(f"z{i}", "An engine of quite another kind stood there.") for i in range(4)),
    Passage("off", "A river."),
]
QUESTION = Question("q", "Who built the engine?", ("Ada",), gold_ids=("gold",))


class Counting:
    def __init__(self, corpus):
        self.inner, self.depths = BM25Retriever(corpus), []

    def retrieve(self, questions, k):
        self.depths.append((len(questions), k))
        return self.inner.retrieve(questions, k)


def twin(question=QUESTION, corpus=CORPUS, k=3):
    retriever = Counting(corpus)
    [made] = leave_gold_out(collect_evidence([question], retriever, k), retriever, k)
    return made, retriever.depths[1:]


def test_gold_ids_and_every_passage_with_an_answer_are_masked_and_k_are_left():
    made, depths = twin()
    assert [p.id for p in made.passages] == ["z0", "z1", "z2"]
    assert made.gold_removed and not made.answer_in_context and made.id == "q#gold_removed"
    assert depths == [(1, 12), (1, 48)], "digs deeper, since masking ate the first twelve"


def test_without_the_mask_the_same_passages_would_be_shown():
    [row] = collect_evidence([QUESTION], BM25Retriever(CORPUS), 3)
    assert row.answer_in_context and not {p.id for p in row.passages} & {p.id for p in twin()[0].passages}


def test_fewer_than_k_only_where_the_corpus_has_no_more():
    assert [p.id for p in twin(k=9)[0].passages] == ["z0", "z1", "z2", "z3"]
    assert twin(corpus=CORPUS[:31])[0].passages == ()


@pytest.mark.parametrize("size", [12, 13])
def test_a_corpus_just_as_large_as_the_first_dig_ends(size):
    assert twin(corpus=CORPUS[:size])[0].passages == ()


def test_masking_is_each_question_s_own_and_order_stays():
    other = Question("r", "Where is the engine?", ("another kind",))
    retriever = BM25Retriever(CORPUS)
    twins = leave_gold_out(collect_evidence([other, QUESTION], retriever, 2), retriever, 2)
    assert [t.question.id for t in twins] == ["r", "q"]
    assert [p.id for p in twins[1].passages] == ["z0", "z1"]
    assert not any(p.id.startswith("z") for p in twins[0].passages) and len(twins[0].passages) == 2


def test_rows_that_nothing_answers_have_no_twin():
    rows = [Question("a", "engine?", ("Ada",), answerable=False), Question("b", "engine?", answerable=True)]
    retriever = BM25Retriever(CORPUS)
    assert leave_gold_out(collect_evidence(rows, retriever, 2), retriever, 2) == []
    assert leave_gold_out([], retriever, 2) == []


def test_twins_of_given_passages():
    question = given(Passage("1", "Ada did."), Passage("2", "Bo did not."), Passage("3", "Nor Cy."), gold_ids=("3",))
    retriever = GivenRetriever()
    [made] = leave_gold_out(collect_evidence([question], retriever, 2), retriever, 2)
    assert [p.id for p in made.passages] == ["2"]


TWINS = [Evidence(Question(str(i), "?"), gold_removed=True) for i in range(20)]


@pytest.mark.parametrize(("limit", "size"), [(-1, 20), (0, 0), (7, 7), (20, 20), (99, 20)])
def test_chosen_twins_are_at_most_so_many_in_order(limit, size):
    chosen = choose_twins(TWINS, limit, seed=0)
    assert len(chosen) == size
    assert chosen == [t for t in TWINS if t in chosen]


def test_twins_are_chosen_by_seed():
    assert choose_twins(TWINS, 7, seed=1) == choose_twins(TWINS, 7, seed=1) != choose_twins(TWINS, 7, seed=2)


def test_recall_of_a_hand_made_case():
    ada, bo, gold = Passage("a", "Ada"), Passage("b", "Bo"), Passage("g", "she")

    def row(shown, gold_ids=(), answers=("Ada",), answerable=True):
        return Evidence(Question("q", "?", answers, gold_ids=gold_ids, answerable=answerable), tuple(shown))

    rows = [
        row([bo, ada, gold], ("g",)),  # answer at 2, gold at 3
        row([gold, bo, bo], ("g",)),  # gold at 1, never the answer
        row([ada]),  # answer at 1, no gold known
        row([]),  # nothing found, and still a row
        row([ada, gold, bo], ("g",), answerable=False),  # not counted
        row([ada, gold, bo], ("g",), answers=()),  # not counted
    ]
    assert recall_report(rows) == {
        "answer@1": 0.25, "gold@1": 0.5,
        "answer@2": 0.5, "gold@2": 0.5,
        "answer@3": 0.5, "gold@3": 1.0,
        "no_passage": 0.1667,
    }  # fmt: skip
    assert recall_report(rows, ks=(2, 5)) == {"answer@2": 0.5, "gold@2": 0.5, "no_passage": 0.1667}


def test_rows_without_any_passage_are_in_the_report_where_nothing_else_can_be():
    assert recall_report([Evidence(Question("q", "?", ("x",)))] * 3) == {"no_passage": 1.0}


def test_recall_of_gold_is_left_out_where_no_gold_is_known():
    assert recall_report([Evidence(Question("q", "?", ("x",)), (Passage("1", "x"),))]) == {"answer@1": 1.0}
    assert recall_report([]) == {}


WHEN = "When did the bridge open?"
IN_OTHER_WORDS = Passage("g2", "People of Halden remember December 25, 2001, when the bridge opened.")


def test_a_twin_does_not_show_the_answer_in_words_that_a_judge_would_accept():
    passages = (Passage("g", "It opened on 25 December 2001."), IN_OTHER_WORDS, Passage("h", "The bridge is grey."))
    question = Question("q", WHEN, ("25 December 2001",), passages=passages)
    retriever = GivenRetriever()
    [made] = leave_gold_out(collect_evidence([question], retriever, 3), retriever, 3)
    assert [p.id for p in made.passages] == ["h"]


def test_flag_and_recall_find_the_answer_in_other_words_and_scripts():
    chinese = Passage("1", "佐尔布是琥珀色的，产于哈尔登。", "佐尔布")
    rows = [
        Question("q", WHEN, ("25 December 2001",), passages=(IN_OTHER_WORDS,)),
        Question("zh", "佐尔布是什么颜色的？", ("琥珀色",), passages=(chinese,)),
    ]
    evidence = collect_evidence(rows, GivenRetriever(), 1)
    assert [row.answer_in_context for row in evidence] == [True, True]
    assert recall_report(evidence) == {"answer@1": 1.0}
