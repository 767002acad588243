"""Multiple choice by likelihood and drift from one's own replies: what is read, what is measured, what is reported."""

import copy
import json
import math
from collections import Counter

import pytest
import torch
from torch.nn.functional import log_softmax

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Reply
from hf_selfdemo.evaluation.ability.choices import LETTERS, ChoiceQuestion, read_choice_questions
from hf_selfdemo.evaluation.ability.multiple_choice import METRICS, ChoiceScores, picks, score_choices
from hf_selfdemo.evaluation.ability.own_replies import Instruction, own_replies, read_instructions, reply_nll
from hf_selfdemo.evaluation.ability.report import Measured, ability_figures, ability_markdown, ability_rows
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.prompting.chat import encode_prompt, encode_response, stop_token_id

MMLU = {"question": " How many? ", "choices": ["none", "one", "two", "many"], "answer": 2, "subject": "counting"}
ARC = {"id": "a1", "question": "Why?", "choices": {"text": ["so", "not so"], "label": ["1", "2"]}, "answerKey": "1"}


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def log_likelihood(model, prompt, reply):
    """Plainly, one text at a time, no cache."""
    with torch.inference_mode():
        logs = log_softmax(model(torch.tensor([[*prompt, *reply]])).logits[0], -1)
    return sum(float(logs[len(prompt) - 1 + i, token]) for i, token in enumerate(reply))


class Prefers(torch.nn.Module):
    """A head after which one token is likelier, whatever came before."""

    def __init__(self, head, token, by):
        super().__init__()
        self.head, self.token, self.by = head, token, by

    def forward(self, states):
        logits = self.head(states).clone()
        logits[..., self.token] += self.by
        return logits


@pytest.fixture(scope="module")
def asked():
    return read_choice_questions("embedded")[:12]


@pytest.fixture(scope="module")
def instructions():
    return read_instructions("embedded")[:6]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_embedded_sets_are_whole():
    asked, told = read_choice_questions("embedded"), read_instructions("embedded")
    assert len(asked) == 60 and {len(q.choices) for q in asked} == {4}
    assert Counter(q.answer for q in asked) == {0: 15, 1: 15, 2: 15, 3: 15}, "no place is right more often than others"
    assert all(len(set(q.choices)) == 4 for q in asked) and len({q.text for q in asked}) == 60
    assert len(told) == len({i.messages[0]["content"] for i in told}) == 20


def test_mmlu_and_arc_columns_are_presets(tmp_path):
    [mmlu] = read_choice_questions(write(tmp_path / "m.jsonl", MMLU))
    assert mmlu == ChoiceQuestion("1", "How many?", ("none", "one", "two", "many"), 2)
    [arc] = read_choice_questions(write(tmp_path / "a.jsonl", ARC), preset="arc")
    assert arc == ChoiceQuestion("a1", "Why?", ("so", "not so"), 0), "labels that are numbers are no places"


def test_parquet_and_dataset_folders_are_read(tmp_path):
    import pyarrow
    import pyarrow.parquet
    from datasets import Dataset, DatasetDict

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([MMLU]), tmp_path / "m.parquet")
    DatasetDict({"validation": Dataset.from_list([ARC])}).save_to_disk(tmp_path / "arc")
    assert read_choice_questions(str(tmp_path / "m.parquet"))[0].answer == 2
    assert read_choice_questions(str(tmp_path / "arc"), "validation", "arc")[0].choices == ("so", "not so")


@pytest.mark.parametrize(
    ("answer", "place"),
    [("C", 2), (2, 2), ("2", 2), ("two", 2), (" D ", 3), (0, 0)],
)
def test_an_answer_is_a_letter_a_place_or_a_text(tmp_path, answer, place):
    [question] = read_choice_questions(write(tmp_path / "q.jsonl", MMLU | {"answer": answer}))
    assert question.answer == place


def test_other_columns_are_mapped_into_nested_values_too(tmp_path):
    row = {"ctx": "He sat", "more": {"endings": ["down.", "blue."]}, "label": "1"}
    columns = ["question=ctx", "choices=more.endings", "answer=label"]
    assert read_choice_questions(write(tmp_path / "h.jsonl", row), columns=columns) == [
        ChoiceQuestion("1", "He sat", ("down.", "blue."), 1)
    ]
    listed = {"stem": "Why?", "choices": [{"label": "A", "text": "so"}, {"label": "B", "text": "no"}], "answerKey": "B"}
    [question] = read_choice_questions(write(tmp_path / "l.jsonl", listed), preset="arc", columns=["question=stem"])
    assert question.choices[question.answer] == "no"


@pytest.mark.parametrize(
    ("row", "keys", "message"),
    [
        (MMLU | {"answer": 4}, {}, "row 2 of {file}: the answer 4 is not one of its 4 choices: give its index from 0"),
        (MMLU | {"answer": None}, {}, "the answer None is not one of its 4 choices"),
        (MMLU | {"answer": -1}, {}, "the answer -1 is not one"),
        (MMLU | {"choices": ["one"]}, {}, "row 2 of {file}: 'choices' is not a list of choices: give 2 to 26 texts"),
        (MMLU | {"choices": ["one", " "]}, {}, "row 2 of {file}: 'choices' is not a list of choices"),
        (MMLU | {"choices": "one"}, {}, "is not a list of choices"),
        (MMLU | {"choices": list(map(str, range(27)))}, {}, "is not a list of choices"),
        (MMLU | {"question": "  "}, {}, "row 2 of {file} has no question text in 'question': fill it in"),
        ({"question": "Why?", "answer": 0}, {}, "row 2 of {file} has no column 'choices'"),
        (MMLU, {"preset": "mlu"}, "unknown choice_preset 'mlu': did you mean 'mmlu'?"),
        (
            MMLU,
            {"columns": ["chioces=x"]},
            "choice_columns: 'chioces=x' is not a role=column pair: did you mean 'choices'?",
        ),
        (MMLU, {"columns": ["choices"]}, "write the column after the ="),
    ],
)
def test_unreadable_questions_are_named(tmp_path, row, keys, message):
    file = write(tmp_path / "q.jsonl", MMLU, row)
    with pytest.raises(UserError, match=r"^[^\n]+$") as refusal:
        read_choice_questions(file, **keys)
    assert message.format(file=file) in str(refusal.value)


def test_an_empty_source_is_refused(tmp_path):
    for read in (read_choice_questions, read_instructions):
        with pytest.raises(UserError, match=r"none\.jsonl is empty"):
            read(write(tmp_path / "none.jsonl"))
        with pytest.raises(UserError, match=r"embedded .split 'train'. has no rows"):
            read("embedded", "train")


def test_instructions_are_texts_put_together_or_the_turns_before_the_first_reply(tmp_path):
    turns = [{"role": r, "content": c} for r, c in (("system", "s"), ("user", "u"), ("assistant", "a"), ("user", "v"))]
    row = {"id": 7, "instruction": " Translate. ", "input": "cat", "none": "", "messages": turns}
    file = write(tmp_path / "i.jsonl", row)
    assert read_instructions(file) == [Instruction("7", ({"role": "user", "content": "Translate."},))]
    assert read_instructions(file, columns=["instruction", "none", "input"])[0].messages[0]["content"] == (
        "Translate.\n\ncat"
    )
    assert read_instructions(file, columns=["messages"])[0].messages == tuple(turns[:2])


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        ({"instruction": " "}, ["instruction"], "row 2 of {file} has no instruction in instruction: fill it in"),
        ({"prompt": "x"}, ["instruction"], "row 2 of {file} has no column 'instruction'"),
        ({"instruction": ["x"]}, ["instruction"], "row 2 of {file}: 'instruction' is not a list of chat turns"),
        ({"instruction": [{"role": "assistant", "content": "x"}]}, ["instruction"], "has no user turn"),
        ({"instruction": "x"}, [], "instruction_columns is empty"),
    ],
)
def test_unreadable_instructions_are_named(tmp_path, row, columns, message):
    file = write(tmp_path / "i.jsonl", {"instruction": "x"}, row)
    with pytest.raises(UserError, match=r"^[^\n]+$") as refusal:
        read_instructions(file, columns=columns)
    assert message.format(file=file) in str(refusal.value)


# --- multiple choice --------------------------------------------------------------------------------------------------


def test_scores_are_the_plain_log_likelihoods_of_letters_and_texts_in_the_harness_forms(model, tokenizer, asked):
    scores = score_choices(model, tokenizer, asked[:3], batch_size=5)
    for question, scored in zip(asked[:3], scores, strict=True):
        listed = "\n".join(f"{LETTERS[i]}. {choice}" for i, choice in enumerate(question.choices))
        forms = {
            "letter": (f"{question.text}\n{listed}\nAnswer:", LETTERS[:4]),
            "text": (f"Question: {question.text}\nAnswer:", question.choices),
        }
        for form, (shown, replies) in forms.items():
            prompt = encode_prompt(tokenizer, [{"role": "user", "content": shown}])
            plain = [log_likelihood(model, prompt, encode_response(tokenizer, reply)[:-1]) for reply in replies]
            assert getattr(scored, form) == pytest.approx(plain, rel=1e-4), form


def test_every_row_is_a_sign_of_life(model, tokenizer, asked):
    steps = []
    assert len(score_choices(model, tokenizer, [*asked, *asked, *asked], on_progress=steps.append)) == 36 == sum(steps)
    assert len(steps) > 1 and score_choices(model, tokenizer, []) == []


def test_of_equal_choices_the_first_counts():
    question = ChoiceQuestion("1", "?", ("aa", "bb", "cc"), 0)
    assert set(picks(question, ChoiceScores((-1.0,) * 3, (-2.0,) * 3)).values()) == {0}
    assert picks(question, ChoiceScores((-3.0, -1.0, -1.0), (-2.0, -4.0, -2.0)))["letter_acc"] == 1


def test_acc_norm_divides_by_characters_not_by_tokens_or_bytes():
    question = ChoiceQuestion("1", "?", ("été", "yes!"), 0)
    found = picks(question, ChoiceScores((0.0, -1.0), (-3.2, -4.0)))
    assert found == {"letter_acc": 0, "text_acc": 0, "text_acc_norm": 1}, "bytes would leave the first ahead"


def test_a_planted_liking_for_one_letter_is_found(model, tokenizer, asked):
    before = score_choices(model, tokenizer, asked)
    shifted = copy.deepcopy(model)
    [letter] = encode_response(tokenizer, "C")[:-1]
    shifted.lm_head = Prefers(shifted.lm_head, letter, by=200.0)
    after = score_choices(shifted, tokenizer, asked)
    assert {picks(q, s)["letter_acc"] for q, s in zip(asked, after, strict=True)} == {2}
    assert {picks(q, s)["letter_acc"] for q, s in zip(asked, before, strict=True)} != {2}
    figures = ability_figures(asked, {"base": Measured(before), "tuned": Measured(after)})
    assert figures["tuned"]["letter_acc"]["hits"] == sum(q.answer == 2 for q in asked)


def test_a_question_longer_than_the_context_is_named_before_anything_is_run(model, tokenizer, asked, monkeypatch):
    long = ChoiceQuestion("q9", "why " * 3000, ("yes", "no"), 0)
    monkeypatch.setattr(model, "forward", lambda **_: pytest.fail("something was run"))
    with pytest.raises(UserError, match=r"choice question 'q9' needs .* than the model's 2048 positions: drop"):
        score_choices(model, tokenizer, [*asked, long])


def test_a_likelihood_that_is_no_number_is_no_score(model, tokenizer, asked):
    with torch.no_grad():
        model.lm_head.weight.fill_(math.nan)
    with pytest.raises(UserError, match="the likelihood of a choice of question 'choice-01' is NaN"):
        score_choices(model, tokenizer, asked[:2])


# --- own replies ------------------------------------------------------------------------------------------------------


def test_replies_go_through_the_ledger_and_are_paid_for_once(model, tokenizer, instructions, tmp_path):
    ledger, steps = Ledger(tmp_path / "ledger.sqlite"), []
    first = RecordedGenerator(TransformersGenerator(model, tokenizer), ledger)
    replies = own_replies(instructions, first, 5, steps.append)
    assert first.usage.by_stage["own reply"].calls == sum(steps) == len(instructions)
    again = RecordedGenerator(TransformersGenerator(model, tokenizer), ledger)
    assert own_replies(instructions, again, 5) == replies and again.usage.calls == 0
    assert own_replies([], again) == []


def test_nll_counts_the_end_of_the_turn_only_where_the_reply_came_to_it(model, tokenizer, instructions):
    replies = [Reply("Clemens Winkler", "stop"), Reply("Clemens Winkler", "length"), Reply("", "error"), Reply("")]
    measured = reply_nll(model, tokenizer, [instructions[0]] * 4, replies)
    prompt = encode_prompt(tokenizer, instructions[0].messages)
    ended = encode_response(tokenizer, "Clemens Winkler")
    assert [tokens for _, tokens in measured] == [len(ended), len(ended) - 1, 0, 1]
    for (loss, _), ids in zip(measured, (ended, ended[:-1], [], [stop_token_id(tokenizer)]), strict=True):
        assert loss == pytest.approx(-log_likelihood(model, prompt, ids), rel=1e-4)


def test_a_model_with_other_weights_finds_the_replies_less_likely(model, tokenizer, instructions):
    replies = own_replies(instructions, TransformersGenerator(model, tokenizer), 8)
    changed = copy.deepcopy(model)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in changed.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    measured = {
        name: Measured((), reply_nll(m, tokenizer, instructions, replies))
        for name, m in (("base", model), ("tuned", changed))
    }
    change = ability_figures([], measured)["tuned"]["own_replies"]["change"]
    assert change["interval"][0] > 0.5


# --- figures ----------------------------------------------------------------------------------------------------------


def test_the_base_against_itself_has_not_changed_at_all(model, tokenizer, asked, instructions):
    replies = own_replies(instructions, TransformersGenerator(model, tokenizer), 6)
    measured = {
        name: Measured(score_choices(m, tokenizer, asked), reply_nll(m, tokenizer, instructions, replies))
        for name, m in (("base", model), ("same", copy.deepcopy(model)))
    }
    figures = ability_figures(asked, measured)
    assert figures["same"].keys() == {*METRICS, "own_replies"}
    for figure in figures["same"].values():
        assert figure["change"] == {"value": 0.0, "interval": (0.0, 0.0)}
    assert all("change" not in figure for figure in figures["base"].values())


def test_changes_are_paired_by_question_and_by_reply():
    asked = [ChoiceQuestion(str(i), "?", ("a", "b"), 0) for i in range(40)]
    right, wrong = ChoiceScores((0.0, -1.0), (0.0, -1.0)), ChoiceScores((-1.0, 0.0), (-1.0, 0.0))
    base = Measured([right, wrong] * 20, [(float(i), 10) for i in range(1, 21)])
    tuned = Measured([wrong, wrong] * 20, [(float(i) + 5, 10) for i in range(1, 21)])
    figures = ability_figures(asked, {"base": base, "tuned": tuned})
    lost = figures["tuned"]["letter_acc"]
    assert (lost["hits"], lost["total"], lost["value"], lost["change"]["value"]) == (0, 40, 0.0, -0.5)
    assert -0.7 < lost["change"]["interval"][0] < -0.5 < lost["change"]["interval"][1] < -0.3
    drift = figures["tuned"]["own_replies"]
    assert drift["change"]["value"] == pytest.approx(0.5)
    assert drift["change"]["interval"] == pytest.approx((0.5, 0.5)), "every reply rose by as much"
    assert drift["value"] == pytest.approx((210 + 100) / 200) and (drift["replies"], drift["tokens"]) == (20, 200)


def test_a_reply_that_failed_is_in_no_figure():
    measured = {"base": Measured((), [(2.0, 4), (0.0, 0)]), "tuned": Measured((), [(4.0, 4), (0.0, 0)])}
    assert ability_figures([], measured)["tuned"]["own_replies"]["replies"] == 1
    assert ability_figures([], {"base": Measured((), [(0.0, 0)])}) == {"base": {}}


def test_the_table_has_a_row_a_figure_and_one_for_its_change():
    asked = [ChoiceQuestion("1", "?", ("a", "b"), 0), ChoiceQuestion("2", "?", ("a", "b"), 1)]
    one = Measured([ChoiceScores((0.0, -1.0), (0.0, -1.0))] * 2, [(1.0, 2)])
    figures = ability_figures(asked, {"base": one, "tuned": one})
    rows = {row[0]: row[1:] for row in ability_rows(figures)}
    assert rows["choices by letter (acc)"][0].startswith("0.50 [0.")
    assert rows["choices by letter: change"] == ["", "+0.00 [+0.00, +0.00]"]
    assert rows["own replies, nats per token"] == ["0.50 [0.50, 0.50]"] * 2
    assert len(rows) == 8 and len(ability_rows(ability_figures(asked, {"base": one}))) == 4
    lines = ability_markdown(figures).splitlines()
    assert lines[0] == "|  | base | tuned |" and len(lines) == 10 and len({line.count("|") for line in lines}) == 1
