"""A row seen from other sides: what may change, what may not, and that a draw depends on seed, epoch and row alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.training.views import ORDERS, Views


def passage(name, text):
    return {"id": name, "title": name.title(), "text": text, "score": 0.0}


def candidate(source, text, label, finish="stop"):
    return {"source": source, "text": text, "label": label, "finish_reason": finish, "prompt": source, "place": 0}


ROW = {
    "id": "q1",
    "mode": "rag",
    "question": "Who discovered germanium?",
    "answers": ["Winkler"],
    "passages": [
        passage("iodine", "Courtois discovered it."),
        passage("germanium", "Winkler discovered it."),
        passage("gallium", "It melts in the hand."),
        passage("again", "That was Clemens Winkler."),
    ],
    "answer_in_context": True,
    "gold_removed": False,
    "response": "Clemens Winkler.",
    "outcome": "answer",
    "rejected": "Courtois.",
    "candidates": [
        candidate("rag", "Clemens Winkler.", "correct"),
        candidate("refusal", "The passages do not say.", "abstain"),
        candidate("refusal", "I cannot", "abstain", "length"),
        candidate("refusal", "It was Winkler.", "correct"),
        candidate("closed_book", "Marie Curie.", "incorrect"),
    ],
}
ABSTAINING = ROW | {
    "outcome": "abstain",
    "response": "I don't know.",
    "answer_in_context": False,
    "answers": ["Nobody"],
}


def names(view):
    return [p.id for p in view.passages]


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        ("as_retrieved", ["iodine", "germanium", "gallium", "again"]),
        ("reversed", ["again", "gallium", "germanium", "iodine"]),
        ("gold_first", ["germanium", "again", "iodine", "gallium"]),
        ("gold_last", ["iodine", "gallium", "germanium", "again"]),
    ],
)
def test_fixed_orders(order, shown):
    assert names(Views(order).of(ROW, 0)) == names(Views(order).of(ROW, 1)) == shown


def test_shuffled_order_moves_with_the_epoch_and_loses_nothing():
    orders = [tuple(names(Views("shuffled").of(ROW, epoch))) for epoch in range(12)]
    assert len(set(orders)) > 6
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(names(Views().of(ROW, 0))))}


def test_dropout_spares_what_holds_the_answer_of_a_row_that_answers():
    views = [Views(dropout=0.9, seed=s).of(ROW, e) for s in range(4) for e in range(25)]
    assert all({"germanium", "again"} <= set(names(view)) for view in views)
    assert min(len(view.passages) for view in views) == 2


def test_dropout_has_its_rate_on_passages_that_may_go():
    views = [Views(dropout=0.3).of(ROW, epoch) for epoch in range(400)]
    gone = sum(name not in names(view) for view in views for name in ("iodine", "gallium"))
    assert 0.25 < gone / 800 < 0.35


def test_dropout_never_takes_the_last_passage_of_an_abstention():
    assert {len(Views(dropout=1.0).of(ABSTAINING, epoch).passages) for epoch in range(5)} == {1}


def test_leave_gold_out_trains_a_refusal_the_model_wrote():
    view = Views(leave_gold_out=1.0).of(ROW, 0)
    assert view.kind == "abstain" and view.response == "The passages do not say."
    assert view.rejected == ROW["response"]
    assert names(view) == ["iodine", "gallium"] and not view.holding


@pytest.mark.parametrize(
    "changes",
    [
        {"candidates": []},
        {"passages": ROW["passages"][1:2]},
        {"answer_in_context": False},
    ],
    ids=["no refusal was written", "nothing else to show", "the passages never held it"],
)
def test_leave_gold_out_leaves_alone_what_it_cannot_turn(changes):
    row = ROW | changes
    view = Views(leave_gold_out=1.0).of(row, 0)
    assert (view.kind, view.response) == ("answer", ROW["response"])
    assert names(view) == [p["id"] for p in row["passages"]]


def test_abstentions_are_never_turned():
    assert Views(leave_gold_out=1.0).of(ABSTAINING, 0).response == ABSTAINING["response"]


def test_closed_book_view_trains_the_models_own_words_there():
    view = Views(closed_book=1.0).of(ROW, 0)
    assert (view.kind, view.passages, view.response, view.rejected) == ("closed_book", (), "Marie Curie.", "")


@pytest.mark.parametrize("changes", [{"gold_removed": True}, {"candidates": ROW["candidates"][:4]}])
def test_rows_without_own_closed_book_words_keep_their_passages(changes):
    assert len(Views(closed_book=1.0).of(ROW | changes, 0).passages) == 4


def test_shares_are_drawn_anew_each_epoch():
    kinds = [Views(leave_gold_out=0.3, closed_book=0.2).of(ROW, epoch).kind for epoch in range(600)]
    assert 0.15 < kinds.count("closed_book") / 600 < 0.25
    assert 0.19 < kinds.count("abstain") / 600 < 0.29  # of what is left


def test_what_goes_first_is_last_retrieved_and_holds_no_answer():
    view = Views("gold_first").of(ROW, 0)
    gone = [names(view)[place] for place in view.spare]
    assert gone == ["gallium", "iodine", "again", "germanium"]


@given(
    order=st.sampled_from(ORDERS),
    dropout=st.floats(0, 1),
    leave_gold_out=st.floats(0, 1),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
)
def test_a_view_is_a_function_of_seed_epoch_and_row(order, dropout, leave_gold_out, seed, epoch):
    made = Views(order, dropout, leave_gold_out, seed=seed)
    view = made.of(ROW, epoch)
    made.of(ROW | {"id": "another"}, epoch)
    assert made.of(ROW, epoch) == view
    assert set(names(view)) <= {p["id"] for p in ROW["passages"]} and view.passages
    assert view.kind == "abstain" or "germanium" in names(view)


def test_switching_one_draw_on_does_not_change_another():
    plain = [names(Views("shuffled").of(ABSTAINING, e)) for e in range(6)]
    both = [names(Views("shuffled", closed_book=0.0001).of(ABSTAINING, e)) for e in range(6)]
    assert plain == both


def test_only_some_settings_change_with_the_epoch():
    assert not any(Views(order).change for order in ORDERS if order != "shuffled")
    assert Views("shuffled").change and Views(dropout=0.1).change and Views(leave_gold_out=0.1).change


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"order": "shuffle"}, "passage_order: 'shuffle'.*shuffled"),
        ({"dropout": 1.5}, "passage_dropout is 1.5"),
        ({"leave_gold_out": -0.1}, "leave_gold_out_share is -0.1"),
        ({"closed_book": 2}, "closed_book_share is 2"),
    ],
)
def test_wrong_settings_are_refused_by_their_key(keys, message):
    with pytest.raises(UserError, match=message):
        Views(**keys)
