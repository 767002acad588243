"""Rows to read: of every kind of change, the same every time, never more than a page can carry."""

from collections import Counter

from made_up import comparison

from hf_selfdemo.evaluation.report.comparison import Comparison
from hf_selfdemo.evaluation.report.examples import choose_examples


def counted(examples):
    return Counter(kind for example in examples for kind in example.kinds)


KINDS = 3 * 3
"""Outcomes before and after; some rows stay what they were."""


def test_there_are_thirty_of_every_kind_those_that_stayed_among_them():
    kinds = counted(choose_examples(comparison(1500, words=10)))
    assert len(kinds) == 2 * KINDS and set(kinds.values()) == {30}
    assert ("rag", "tuned", "incorrect", "incorrect") in kinds


def test_all_are_shown_where_there_are_fewer():
    chosen = comparison(40)
    assert sum(n for kind, n in counted(choose_examples(chosen)).items() if kind.mode == "rag") == 40


def test_the_draw_depends_on_the_seed_alone():
    chosen = comparison(300)
    ids = [[example.id for example in choose_examples(chosen, 5, seed)] for seed in (0, 0, 1)]
    assert ids[0] == ids[1] != ids[2]


def test_models_share_their_rows_as_far_as_they_can():
    chosen = comparison(1500, ("base", "one", "two", "three"), ["rag"])
    examples = choose_examples(chosen)
    assert sum(counted(examples).values()) == 3 * KINDS * 30
    assert len(examples) < 3 * KINDS * 30 / 1.3


def test_an_example_holds_what_each_model_was_shown_and_said():
    [example, *_] = choose_examples(comparison(60, modes=["rag"]), 1)
    assert [reply.column for reply in example.replies] == ["base", "tuned"] and len(example.passages) == 4
    assert [kind[1:] for kind in example.kinds] == [("tuned", example.replies[0].label, example.replies[1].label)]
    assert example.passages[0].hit == example.in_context and not any(p.hit for p in example.passages[1:])


def test_without_passages_none_are_shown():
    examples = choose_examples(comparison(60, modes=["closed_book"]), 2)
    assert examples and not any(example.passages for example in examples)


def test_long_passages_cost_examples_but_no_kind_its_share():
    kinds = counted(choose_examples(comparison(300, modes=["rag"], passages=40, words=250)))
    assert len(kinds) == KINDS and min(kinds.values()) > 1 and max(kinds.values()) < 30
    assert max(kinds.values()) - min(kinds.values()) <= 1


def test_rows_whose_passages_are_not_there_are_passed_over():
    chosen = comparison(60)
    assert choose_examples(Comparison(chosen.title, chosen.columns)) == []
    kept = dict(list(chosen.evidence.items())[:20])
    examples = choose_examples(Comparison(chosen.title, chosen.columns, kept))
    assert examples and {example.id for example in examples} <= set(kept)
