"""Columns for TRL's own trainers: the prompts of our own, and no text of others that could close a turn."""

import copy

import pytest
from asked_rows import worse
from datasets import Dataset

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.rows import FEATURES, evidence_row
from hf_selfdemo.prompting.chat import encode_prompt, encode_response
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.trl_columns import PREFERENCE_FEATURES, SFT_FEATURES, to_prompts, to_trl


def rows(row, **columns):
    made = evidence_row(row) | {"response": "Winkler did.", "outcome": "answer", "source": "rag"} | columns
    return Dataset.from_list([made], features=FEATURES)


def test_prompts_are_those_that_our_own_trainer_shows(row, tokenizer):
    dataset = rows(row)
    [found], encoded = to_trl(dataset), SelfDemoDataCollator(tokenizer).encode(dataset[0])
    assert encode_prompt(tokenizer, found["prompt"]) == encoded.prompt
    assert encode_response(tokenizer, found["completion"][0]["content"]) == encoded.response
    assert to_trl(dataset).features == SFT_FEATURES and found["id"] == row.id


def test_a_replayed_row_is_asked_without_passages(row):
    [found] = to_trl(rows(row, mode="closed_book"))
    assert found["prompt"][0]["content"] == "Question: Who discovered germanium?\nAnswer in a few words."


def test_pairs_are_rows_that_set_something_against_their_response(row):
    dataset = Dataset.from_list(
        [
            rows(row, id="a", rejected=worse("Courtois."))[0],
            rows(row, id="b", rejected=worse(" "))[0],
            rows(row, id="c", mode="closed_book", rejected=worse("Courtois."))[0],
        ],
        features=FEATURES,
    )
    pairs = to_trl(dataset, preference=True)
    assert pairs["id"][:] == ["a"] and pairs.features == PREFERENCE_FEATURES and len(to_trl(dataset)) == 3
    assert pairs[0]["chosen"] == [{"role": "assistant", "content": "Winkler did."}]
    assert pairs[0]["rejected"] == [{"role": "assistant", "content": "Courtois."}]
    with pytest.raises(UserError, match="none of 1 rows has a pair"):
        to_trl(rows(row), preference=True)


def test_each_rejected_text_makes_a_row_of_its_own(row):
    both = worse("Courtois.") + worse("Not mentioned.", "abstain")
    pairs = to_trl(rows(row, id="a", rejected=both), preference=True)
    assert pairs["id"][:] == ["a", "a#pair_2"] and pairs[0]["prompt"] == pairs[1]["prompt"]
    assert [pair["rejected"][0]["content"] for pair in pairs] == ["Courtois.", "Not mentioned."]
    assert to_trl(rows(row, id="a", rejected=both))["id"][:] == ["a"], "supervised training takes the response once"


@pytest.mark.parametrize(
    "marker",
    [
        *(
            "<|im_end|>",
            "<|eot_id|>",
            "<｜end▁of▁sentence｜>",
            "</s>",
            "<end_of_turn>",
            "[/INST]",
            "<</SYS>>",
            "<think>",
        ),
        *("<<|im_end|>|im_end|>", "[[INST]INST]"),
    ],
)
def test_turn_markers_are_taken_apart_wherever_they_stand(marker):
    passages = (Passage("p", f"It was {marker} him.", f"T{marker}"),)
    dataset = rows(Evidence(Question("q", f"Who{marker}?"), passages), response=marker, rejected=worse(marker))
    for preference in (False, True):
        [found] = to_trl(dataset, preference)
        texts = [turn["content"] for column, turns in found.items() if column != "id" for turn in turns]
        assert len(texts) == (3 if preference else 2)
        assert not [text for text in texts if marker in text or "<|im_end|>" in text or "[INST]" in text]


def test_plain_brackets_stay_as_they_are():
    text = "See [A], [NOTE], <b>bold</b>, 1 < 2 | 3 > 2, <s.a.> and [3]."
    [found] = to_trl(rows(Evidence(Question("q", text)), response=text))
    assert text in found["prompt"][0]["content"] and found["completion"][0]["content"] == text


def test_a_tokenizers_own_control_tokens_are_taken_apart_if_it_is_known(tokenizer):
    own = copy.deepcopy(tokenizer)
    own.add_tokens(["@@turn@@"], special_tokens=True)
    dataset = rows(Evidence(Question("q", "Who @@turn@@?")))
    assert "@@turn@@" in to_trl(dataset)[0]["prompt"][0]["content"]
    assert "@@turn@@" not in to_trl(dataset, tokenizer=own)[0]["prompt"][0]["content"]


@pytest.mark.parametrize("wrong", ["train.parquet", Dataset.from_dict({"prompt": ["x"], "completion": ["y"]})])
def test_what_is_no_dataset_of_demonstrations_is_refused(wrong):
    with pytest.raises(UserError, match="it has no column mode, passages, question, response: give what `dem"):
        to_trl(wrong)


SPARSE = [
    {"question": "Who found it?", "passages": [{"text": "Winkler did."}], "response": "Winkler.", "rejected": "Basel."},
    {"question": "Who else?", "passages": [{"title": None, "text": "Nobody."}], "response": "Nobody.", "id": "b"},
    {"question": "And where?", "mode": "closed_book", "response": "Here."},
]


def as_dataset(found):
    return Dataset.from_list([dict.fromkeys(ALL) | row for row in found])


@pytest.mark.parametrize("kind", [list, tuple, as_dataset])
def test_lists_and_sparse_rows_are_taken(kind):
    made = to_trl(kind(SPARSE))
    assert made["id"][1] == "b" and len(set(made["id"])) == 3 and made.features == SFT_FEATURES
    assert "Winkler did." in made[0]["prompt"][0]["content"] and "Here." in made[2]["completion"][0]["content"]
    [pair] = to_trl(kind(SPARSE), preference=True)
    assert pair["rejected"][0]["content"] == "Basel."


ALL = ("id", "mode", "question", "answers", "passages", "response", "rejected")


def test_a_row_that_lacks_what_is_needed_is_named():
    with pytest.raises(UserError, match="row 1 has no response: give question, passages"):
        to_trl([SPARSE[0], {"question": "Who?", "passages": []}])
    with pytest.raises(UserError, match="passage 1 of row '0' has no text"):
        to_trl([SPARSE[0] | {"passages": [{"title": "only"}]}])


def test_prompts_come_with_what_a_reward_is_made_of():
    rows = [
        {"id": "a", "question": "Who?", "passages": [{"text": "Winkler<|im_end|> did."}], "answers": ["Winkler"]},
        {"id": "b", "question": "When?", "passages": [], "answers": [], "answerable": False},
        {"id": "c", "question": "Where?", "passages": [], "answers": []},
        {"id": "a#row_2", "question": "Who?", "passages": [], "answers": ["Winkler"]},
        {"id": "d#closed_book", "mode": "closed_book", "question": "How?", "passages": [], "answers": ["So"]},
        {"id": "e#row_2", "question": "Why?", "passages": [], "answers": ["Thus"]},  # its first row was left out
    ]
    made = to_prompts(rows)
    assert made["id"][:] == ["a", "b", "e#row_2"]
    assert made[0]["prompt"][0]["role"] == "user" and "<|im_end|>" not in made[0]["prompt"][0]["content"]
    assert (made[0]["question"], made[0]["answers"], made[0]["answer_in_context"]) == ("Who?", ["Winkler"], True)
    with pytest.raises(UserError, match=r"none of 1 rows can be rewarded \(1 no accepted answer\)"):
        to_prompts(rows[2:3])
    with pytest.raises(UserError, match="row 'a' has no answers"):
        to_prompts([{name: value for name, value in rows[0].items() if name != "answers"}])
    with pytest.raises(UserError, match="the dataset has no rows"):
        to_prompts([])
