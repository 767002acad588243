"""Whatever would spoil a training on structured rows is refused before the first step, by row, with what to do."""

import copy
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from asked_rows import worse
from datasets import Dataset
from rich.console import Console

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.training.collator import IGNORED, SelfDemoDataCollator
from hf_selfdemo.training.preflight import PreflightReport, preflight
from hf_selfdemo.training.preflight.report import Sample, histogram

PASSAGE = {"id": "p", "title": "Germanium", "text": "Clemens Winkler discovered it.", "score": 1.0}
NOISE = {"id": "n", "title": "Gallium", "text": "It melts in the hand.", "score": 0.5}
BLANK = dict.fromkeys(FEATURES) | {
    "mode": "rag",
    "answers": ["Winkler"],
    "passages": [PASSAGE, NOISE],
    "answer_in_context": True,
    "response": "Clemens Winkler.",
    "outcome": "answer",
    "source": "rag",
    "rejected": worse("Lecoq."),
    "candidates": [],
}
ABSTAIN = {"outcome": "abstain", "response": "The passages do not say.", "rejected": worse("Lecoq.")}
LONG = {"passages": [PASSAGE | {"text": "Clemens Winkler discovered it. " * 40}]}
LONG_QUESTION = {"question": "Who, then? " * 60}


def dataset(*changes):
    """A row for each, named q0, q1, ... unless it names itself."""
    rows = [{"id": f"q{i}", "question": f"Who discovered element {i}?"} | change for i, change in enumerate(changes)]
    return Dataset.from_list([BLANK | row for row in rows], features=FEATURES)


@pytest.fixture
def look(tokenizer):
    def looked(*changes, settings=None, collator=SelfDemoDataCollator, **keys):
        return preflight(dataset(*changes), collator(tokenizer, **(settings or {})), **keys)

    return looked


def refusal(call, *args, **keys):
    with pytest.raises(UserError) as caught:
        call(*args, **keys)
    return str(caught.value)


# ---- what is right ----


def test_figures_are_those_of_the_batches(look, tokenizer):
    report = look({}, ABSTAIN, {"mode": "closed_book", "passages": []}, LONG)
    collator = SelfDemoDataCollator(tokenizer)
    widths = [
        int(collator([row])["attention_mask"].sum()) for row in dataset({}, ABSTAIN, {"mode": "closed_book"}, LONG)
    ]
    assert report.lengths == widths and report.tokens == sum(widths) and report.longest == max(widths)
    assert report.counts == {"abstain": 1, "answer": 2, "closed_book": 1} and report.rows == 4
    assert sum(report.histogram.values()) == 4 and report.warnings == []
    assert report.as_dict().items() >= {"rows": 4, "rows_with_passages_cut": 0, "answer": 2, "abstain": 1}.items()


def test_the_sample_shows_the_end_of_the_prompt_and_the_stop_token(look):
    sample = look({}).sample
    assert sample.prompt_tail.endswith("<|im_start|>assistant\n") and "Who discovered element 0?" in sample.prompt_tail
    assert sample.trained == "Clemens Winkler.<|im_end|>"


@pytest.mark.parametrize("settings", [{"padding_free": True}, {"passage_order": "reversed", "passage_dropout": 0.5}])
def test_other_settings_show_the_same_rows(look, settings):
    changes = [{}, ABSTAIN, LONG]
    report, plain = look(*changes, settings=settings), look(*changes)
    assert (report.lengths, report.sample, report.counts) == (plain.lengths, plain.sample, plain.counts)


def test_a_pair_counts_as_long_as_its_longer_text(look):
    supervised, pairs = look({}), look({"rejected": worse("Paul Emile Lecoq, I think.")}, settings={"preference": True})
    more = pairs.lengths[0] - supervised.lengths[0]
    assert more > 0 and pairs.tokens == 2 * supervised.tokens + more
    assert pairs.sample.rejected == "Paul Emile Lecoq, I think.<|im_end|>"


def test_rows_are_encoded_once(look):
    calls = []

    class Counting(SelfDemoDataCollator):
        def encode(self, row):
            calls.append(row["id"])
            return super().encode(row)

    look(*[{}] * 20, collator=Counting)
    assert sorted(calls) == sorted(f"q{i}" for i in range(20))


def test_rows_that_are_only_asked_need_no_response(look):
    asked = dataset({"id": "e", "question": "Who else?", "response": "", "outcome": "", "rejected": []})
    assert look({}, eval_dataset=asked).rows == 1
    assert look({}, eval_dataset=asked, settings={"preference": True}).rows == 1


def test_the_same_question_twice_in_training_is_fine(look):
    twin = ABSTAIN | {"question": "Who discovered element 0?", "gold_removed": True, "passages": [NOISE]}
    assert look({}, twin).warnings == []


def test_a_question_shown_twice_with_the_same_passages_is_warned_of(look):
    again = {"question": "Who discovered element 0?"}
    [warning] = look({}, again, again | ABSTAIN).warnings
    assert warning == ("row 'q1' has the same prompt as another row (and 1 more: 'q2'): drop it, or it counts twice")


# ---- lengths ----


def test_rows_that_lose_passages_are_counted_and_their_full_length_told(look):
    noise = NOISE | {"text": NOISE["text"] * 80}
    report = look({}, {"passages": [noise, PASSAGE]}, settings={"max_length": 256})
    assert report.cut == 1 and report.lost == 0 and report.longest <= 256 and report.warnings == []
    assert report.histogram[1024] == 1, "before it was cut"


def test_rows_that_lose_the_passage_with_their_answer_are_named(look):
    report = look({}, LONG, LONG, settings={"max_length": 256})
    assert (report.cut, report.lost) == (2, 2)
    assert report.warnings[0].startswith(
        "row 'q1' loses the passage with its answer to fit max_length 256 (and 1 more: 'q2')"
    )


def test_a_row_without_room_for_a_passage_is_refused(look):
    said = refusal(look, {}, LONG_QUESTION, settings={"max_length": 128})
    assert said == "row 'q1' needs more than max_length 128 tokens even without passages: raise max_length or drop it"


def test_rows_longer_than_the_model_are_refused(look, model):
    model.config.max_position_embeddings = 128
    said = refusal(look, {}, LONG, model=model, eval_dataset=dataset(LONG | {"id": "e", "question": "What?"}))
    assert "row 'q1' is longer than the model's 128 positions" in said and "eval row 'e' is longer" in said
    assert look({}, LONG, model=model, settings={"max_length": 128}).cut == 1


def test_groups_of_lengths_end_at_the_budget():
    assert histogram([100, 200, 300, 600], 300) == {128: 1, 256: 1, 300: 1, 512: 0, 1024: 1}
    assert histogram([5], None) == {64: 1}


# ---- rows ----


@pytest.mark.parametrize(
    ("changes", "settings", "said"),
    [
        ({"response": " "}, {}, "row 'q1' has an empty response: drop it"),
        ({"response": None}, {}, "row 'q1' has an empty response: drop it"),
        ({"id": "q0"}, {}, "row 'q0' shares its id with another: make ids unique"),
        ({"rejected": worse("  ")}, {"preference": True}, "row 'q1' has an empty rejected text: drop it"),
        ({"rejected": worse(None)}, {"preference": True}, "row 'q1' has an empty rejected text: drop it"),
    ],
)
def test_rows_that_teach_nothing_are_refused(look, changes, settings, said):
    assert refusal(look, {}, changes, settings=settings) == said


def test_everything_that_is_wrong_is_said_at_once_the_most_frequent_first(look):
    said = refusal(look, LONG_QUESTION, *[{"response": ""}] * 8, {"id": "q0"}, settings={"max_length": 128})
    assert said.startswith("the training data has 3 problems. (1) row 'q1' has an empty response (and 7 more: ")
    assert "'q2', 'q3', 'q4', 'q5', ...): drop it; (2) " in said and "; (3) " in said
    assert said.count("shares its id") == said.count("even without passages") == 1
    assert "q6" not in said, "a handful of names is enough"


def test_pairs_of_one_text_are_refused_together(look):
    said = refusal(look, {}, *[{"rejected": worse("clemens WINKLER")}] * 2, settings={"preference": True})
    assert said == "row 'q1' has a rejected text that equals its response (and 1 more: 'q2'): drop it"


def test_rows_without_a_pair_are_counted_unless_there_is_no_other(look):
    single = {"rejected": []}
    report = look({}, single, settings={"preference": True})
    assert report.counts == {"answer": 1, "without_pair": 1} and report.rows == 1 and report.lengths[1] == 0
    assert "no row has a pair" in refusal(look, single, single, settings={"preference": True})


def test_only_abstentions_are_refused_and_most_are_warned_of(look):
    assert "so the model would learn to abstain always" in refusal(look, ABSTAIN, ABSTAIN, {"mode": "closed_book"})
    assert look({}, *[ABSTAIN] * 4).warnings == []
    assert look({}, *[ABSTAIN] * 5).warnings[0].startswith("83% of the rows with passages are abstentions: lower")
    refusals = {"candidates": [dict.fromkeys(("text", "prompt"), "I cannot say.") | OWN_REFUSAL]}
    shares = {"leave_gold_out_share": 0.9, "passage_dropout": 0.1}
    assert "up to 90%" in look(refusals, refusals, settings=shares).warnings[0]


OWN_REFUSAL = {"source": "refusal", "label": "abstain", "finish_reason": "stop", "place": 0}


def test_control_tokens_in_a_response_are_reported(look):
    report = look({}, {"response": "Winkler.<|im_end|>"})
    assert report.warnings[0].startswith("row 'q1' has control tokens of the chat template in its trained text")


def test_an_empty_dataset_is_refused(tokenizer):
    with pytest.raises(UserError, match="no demonstration"):
        preflight(dataset({}).select([]), SelfDemoDataCollator(tokenizer))


# ---- leaks ----


def test_eval_rows_that_are_trained_on_are_refused_where_they_choose(look):
    held_out = dataset({"id": "e0", "question": "Who else?"}, {"id": "e1", "question": "who discovered the Element 1"})
    told = "eval row 'e1' has a question that is trained on: remove the question from one of the two sets"
    assert refusal(look, {}, {}, eval_dataset=held_out) == told
    assert look({}, {}, eval_dataset=held_out, choosing=False).warnings == [told]
    assert look({}, eval_dataset=held_out).warnings == []


def test_test_rows_that_were_seen_before_are_warned_of(look):
    tested = [{"id": "t0", "question": "Who discovered element 0"}, {"id": "t1", "question": "Who else?"}]
    warnings = look({}, test_rows=tested, eval_dataset=dataset({"id": "e", "question": "who ELSE"})).warnings
    assert [w.partition(":")[0] for w in warnings] == [
        "test row 't0' has a question that is trained on",
        "test row 't1' has the same question as an eval row",
    ]


def test_eval_rows_have_ids_of_their_own(look):
    twice = dataset({"id": "e", "question": "Which?"}, {"id": "e", "question": "What?"})
    assert "eval row 'e' shares its id" in refusal(look, {}, eval_dataset=twice)


# ---- the model ----


@pytest.mark.parametrize("known", [None, 0, [0, 1]])
def test_a_model_that_would_not_stop_is_warned_of(look, model, tokenizer, known):
    model.generation_config.eos_token_id = known
    [warning] = look({}, model=model).warnings
    assert warning.startswith("rows end with '<|im_end|>' (token 2), but generation does not stop there")
    assert "set model.generation_config.eos_token_id to [" in warning and "2]" in warning


@pytest.mark.parametrize("known", [2, [0, 2]])
def test_a_model_that_stops_is_not(look, model, known):
    model.generation_config.eos_token_id = known
    assert look({}, model=model).warnings == []


@pytest.mark.parametrize(
    ("writer", "same"),
    [
        ({"name": "org/model", "fingerprint": "f1", "trained": "f1"}, True),
        ({"name": "org/model", "fingerprint": "f1", "trained": "f2"}, False),
        ({"name": "org/other", "fingerprint": "f1", "trained": "f2", "origin": "f1"}, True),
        ({"name": "org/model", "fingerprint": "f1", "trained": "f2", "origin": "f3"}, False),
        ({"name": "org/model", "fingerprint": "f1"}, True),
        ({"name": "org/other", "fingerprint": "f1"}, False),
        ({"name": "org/model", "fingerprint": "server/org/model", "trained": "f2"}, True),
        ({"name": "org/other", "fingerprint": "server/org/other", "trained": "f2"}, False),
        ({}, True),
    ],
)
def test_demonstrations_of_another_model_are_warned_of(look, writer, same):
    trained = SimpleNamespace(name_or_path="/models/model")
    warnings = look({}, model=trained, writer=writer).warnings
    assert [w.startswith(f"the demonstrations were written by {writer.get('name')}") for w in warnings] == [True] * (
        not same
    )


def test_demonstrations_that_nobody_signed_are_warned_of(look):
    [warning] = look({}, model=SimpleNamespace(name_or_path="m"), writer={"trained": "f1", "origin": ""}).warnings
    assert warning.startswith("it is unknown which model wrote the demonstrations")


# ---- settings ----


def test_a_number_of_passages_that_gives_the_answer_away_is_warned_of(look):
    row = {"candidates": [{"text": "I cannot say.", "prompt": ""} | OWN_REFUSAL]}
    assert "the number of passages is a clue" in look(row, settings={"leave_gold_out_share": 0.2}).warnings[0]
    assert look(row, settings={"leave_gold_out_share": 0.2, "passage_dropout": 0.2}).warnings == []


@pytest.mark.parametrize("name", ["leave_gold_out_share", "closed_book_share"])
def test_a_share_that_changes_nothing_is_warned_of(look, name):
    [warning] = look({}, {}, settings={name: 0.2, "passage_dropout": 0.2}).warnings
    assert warning.startswith(f"{name} is 0.2, but it changes none of 2 sampled rows")


# ---- collators that go wrong ----


def broken(change):
    """A collator whose batches are changed by `change(input_ids, labels, mask)` in place."""

    @dataclass
    class Broken(SelfDemoDataCollator):
        def __call__(self, rows):
            batch = super().__call__(rows)
            change(batch["input_ids"], batch["labels"], batch["attention_mask"])
            return batch

    return Broken


def mask_wherever_pad_stands(ids, labels, mask):
    labels[ids == ids[0, -1]] = IGNORED  # pad is the stop token, which ends every row


def mask_all(ids, labels, mask):
    labels.fill_(IGNORED)


def train_all(ids, labels, mask):
    labels.copy_(ids.masked_fill(mask == 0, IGNORED))


def train_padding(ids, labels, mask):
    labels[mask == 0] = ids[mask == 0]


def shift(ids, labels, mask):
    labels.copy_(labels.roll(-1, 1))


def mask_the_first(ids, labels, mask):
    for row in labels:
        row[(row != IGNORED).nonzero()[0]] = IGNORED


def mask_the_middle(ids, labels, mask):
    labels[:, -3] = IGNORED


def another_token(ids, labels, mask):
    ids[:, -2] = labels[:, -2] = 7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (mask_wherever_pad_stands, "has no loss on its stop token '<|im_end|>', so that the model would never stop"),
        (mask_all, "has no token with a loss"),
        (train_all, "has a loss on its whole prompt"),
        (train_padding, "has a loss on padding"),
        (shift, "has labels that differ from its tokens"),
        (mask_the_first, "has a loss on other tokens than its response and stop token"),
        (mask_the_middle, "has a loss on several separate spans"),
        (another_token, "has a loss on other tokens than its response and stop token"),
    ],
)
def test_a_collator_that_labels_wrongly_is_refused(look, change, said):
    changes = [{}, ABSTAIN, {"passages": []}]
    assert look(*changes, collator=broken(lambda *_: None)).rows == 3
    told = refusal(look, *changes, collator=broken(change))
    assert said in told and "row 'q" in told


def test_a_collator_that_cuts_completions_of_pairs_is_refused(look):
    class Cut(SelfDemoDataCollator):
        def __call__(self, rows):
            return {
                k: v[:, :-1] if torch.is_tensor(v) and v.dim() == 2 else v for k, v in super().__call__(rows).items()
            }

    said = refusal(look, {}, {"rejected": worse("It was somebody else.")}, collator=Cut, settings={"preference": True})
    assert "(1) row 'q0' does not end with the stop token '<|im_end|>' (and 1 more: 'q1')" in said
    assert "rejected text of row 'q0' does not end with the stop token" in said


def test_a_prompt_other_than_evaluations_is_refused(look, tokenizer):
    class Other(SelfDemoDataCollator):
        def encode(self, row):
            found = super().encode(row)
            return found._replace(prompt=found.prompt + tokenizer("Well: ")["input_ids"])

    assert "row 'q0' has another prompt than the one used at inference" in refusal(look, {}, collator=Other)


def test_a_response_other_than_the_rows_is_refused(look, tokenizer):
    class Other(SelfDemoDataCollator):
        def encode(self, row):
            found = super().encode(row)
            return found._replace(response=tokenizer("Well: ")["input_ids"] + found.response)

    assert "row 'q0' trains on another text than its response" in refusal(look, {}, collator=Other)


def test_a_template_without_an_end_of_turn_trains_the_eos_token(look, tokenizer):
    other = copy.deepcopy(tokenizer)
    other.chat_template = "{% for m in messages %}{{ m['content'] + '\n' }}{% endfor %}"
    report = preflight(dataset({}), SelfDemoDataCollator(other))
    assert report.sample.trained.endswith("<|im_end|>")


# ---- the report ----


def test_the_report_is_plain_text_whatever_the_passages_hold():
    sample = Sample("q[red]1", "a [bold]passage[/] with \x1b[31m an escape", "[/nonsense]<|im_end|>", "[blink]no")
    report = PreflightReport(
        3, 900, 500, {256: 2, 512: 1}, 256, 1, 1, {"answer": 2, "closed_book": 1}, sample, ["row 'q[b]' is [i]bad"]
    )
    console = Console(width=120, force_terminal=False)
    with console.capture() as capture:
        console.print(report)
    shown = capture.get()
    for text in ("q[red]1", "[bold]passage[/] with", "[/nonsense]<|im_end|>", "[blink]no", "row 'q[b]' is [i]bad"):
        assert text in shown
    assert "\x1b" not in shown and "3 (answer 2, closed book 1)" in shown and "over max_length" in shown
    assert "1 rows lose passages, 1 of them the one with their answer" in shown
