"""Rows made by hand: few columns are enough, and what is missing is named."""

import copy

import pytest
from datasets import Dataset

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.training.dpo import SelfDemoDPOConfig, SelfDemoDPOTrainer
from hf_selfdemo.training.given import ASKED, given_rows
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer

PASSAGES = [{"title": "Germanium", "text": "Clemens Winkler discovered it."}, {"text": "Gallium melts in the hand."}]
ROW = {"id": "a", "question": "Who discovered germanium?", "passages": PASSAGES}
ROWS = [
    ROW | {"response": "Clemens Winkler.", "outcome": "answer"},
    ROW | {"id": "b", "passages": PASSAGES[1:], "response": "They do not say.", "outcome": "abstain"},
]
KEYS = {"max_steps": 1, "use_cpu": True, "report_to": [], "meter_rows": 2, "disable_tqdm": True}


def test_rows_that_have_all_columns_are_left_alone():
    whole = given_rows(ROWS)
    assert set(whole.column_names) == set(FEATURES) and given_rows(whole) is whole


def test_columns_that_are_left_out_are_filled_in():
    answers, declines = given_rows([ROWS[0] | {"answers": ["Winkler"]}, ROWS[1] | {"answers": ["Winkler"]}])
    assert (answers["answer_in_context"], declines["answer_in_context"]) == (True, False)
    assert answers["passages"][1] == {"id": "2", "title": "", "text": PASSAGES[1]["text"], "score": 0.0}
    assert (answers["mode"], answers["answerable"], answers["gold_removed"], answers["rejected"]) == (
        *("rag", True, False, []),
    )
    assert given_rows([ROWS[0] | {"mode": "closed_book", "extra": 1}])[0]["mode"] == "closed_book"


@pytest.mark.parametrize("answers", ["Winkler", '["Winkler"]', ["Winkler", None]])
def test_answers_mean_what_they_mean_in_any_question(answers):
    assert given_rows([ROWS[0] | {"answers": answers}])[0]["answers"] == ["Winkler"]


@pytest.mark.parametrize("kind", [list, Dataset.from_list], ids=["list", "dataset"])
def test_five_columns_are_enough_to_train(model, tokenizer, tmp_path, kind):
    args = SelfDemoConfig(output_dir=str(tmp_path), per_device_train_batch_size=2, **KEYS)
    made = SelfDemoTrainer(copy.deepcopy(model), args, kind(ROWS), tokenizer)
    assert made.train().global_step == 1 and made.preflight_report.counts == {"abstain": 1, "answer": 1}


def test_dev_rows_need_no_response_and_pairs_a_rejected_text(model, tokenizer, tmp_path):
    args = SelfDemoDPOConfig(output_dir=str(tmp_path), max_dev_tokens=2, **KEYS)
    pairs = [row | {"rejected": "Lecoq."} for row in ROWS]
    dev = [ROW | {"id": "d", "question": "Who found it?", "answers": ["Winkler"]}]
    made = SelfDemoDPOTrainer(copy.deepcopy(model), args, pairs, tokenizer, dev)
    assert made.train().global_step == 1
    assert made.evaluate()["eval_accuracy_in_context"] in (0, 1), "the passage holds the answer, which was looked up"


@pytest.mark.parametrize(
    ("rows", "needed", "said"),
    [
        ([{"question": "?", "response": "!"}], None, "row 0 has no id, passages, outcome: give id, question, passages"),
        ([{"prompt": "?", "completion": "!"}], None, "row 0 has no id, question, passages, response, outcome"),
        ([ROW], ASKED, "row 'a' has no answers"),
        ([ROWS[0] | {"outcome": "refuse"}], None, "row 'a' has the unknown outcome 'refuse': set it to answer or"),
        ([ROWS[0] | {"passages": ["text"]}], None, "passage 1 of row 'a' has no text"),
        ("rows.jsonl", None, "the rows are of type str: give a datasets.Dataset or a list of rows"),
    ],
)
def test_what_is_missing_is_named(rows, needed, said):
    with pytest.raises(UserError, match=r"^[^\n]+$") as refusal:
        given_rows(rows, needed) if needed else given_rows(rows)
    assert said in str(refusal.value)


def test_no_rows_are_a_dataset_with_the_columns_of_rows():
    """A trainer then says that there is nothing to train on, and not what `datasets` says of columns."""
    assert len(given_rows([])) == 0 and given_rows([]).features == FEATURES
