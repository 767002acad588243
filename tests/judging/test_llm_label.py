"""The model labels; what it says nothing readable about is unscored, never a score."""

import dataclasses

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Candidate, Evidence, Passage, Question, Reply
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.llm_label import LABEL_WORDS, LlmLabelJudge
from hf_selfdemo.prompting.prompts import render


def candidates(*texts):
    return [Candidate(text, "rag", "p") for text in texts]


def content(request):
    [message] = request.messages
    return message["content"]


def shown_reply(request):
    [line] = [line for line in content(request).split("\n") if line.startswith("Reply: ")]
    return line.removeprefix("Reply: ")


def labels(verdicts):
    return [verdict.label for verdict in verdicts]


@pytest.mark.parametrize(
    ("said", "label"),
    [("correct", "correct"), ("incorrect", "incorrect"), ("refuse", "abstain"), ("**Not correct.**", "incorrect")],
)
def test_the_label_is_what_the_model_says(row, hold, said, label):
    verdicts, [[asked]] = hold(LlmLabelJudge().judge(row, candidates("Winkler")), lambda _: said)
    assert labels(verdicts) == [label]
    assert asked.choices == LABEL_WORDS and asked.temperature == 0.0 and asked.stage == "judge"


def test_each_candidate_gets_the_label_of_its_own_text(row, hold):
    said = {"one": "correct", "two": "incorrect", "three": "refuse"}
    verdicts, waves = hold(LlmLabelJudge().judge(row, candidates(*said)), lambda r: said[shown_reply(r)])
    assert labels(verdicts) == ["correct", "incorrect", "abstain"]
    assert len(waves) == 1, "all are asked at once"


def test_equal_texts_are_asked_about_once(row, hold):
    judge = LlmLabelJudge()
    verdicts, waves = hold(judge.judge(row, candidates("one", " one\n", "two", "one")), lambda _: "correct")
    assert labels(verdicts) == ["correct"] * 4
    assert sorted(shown_reply(r) for wave in waves for r in wave) == ["one", "two"]
    assert judge.report()["calls"] == 2


def test_what_is_empty_or_cut_off_is_unscored_without_asking(row, hold):
    given = [Candidate(text, "rag", "p", end) for text, end in ((" ", "stop"), ("Wink", "length"), ("", "error"))]
    verdicts, waves = hold(LlmLabelJudge().judge(row, given))
    assert labels(verdicts) == ["unscored"] * 3
    assert all(v.reason for v in verdicts) and waves == []


@pytest.mark.parametrize("answers", [(), ("",), ("?!", "…")])
def test_where_no_answer_is_known_only_refusals_are_labelled_and_nobody_is_asked(hold, answers):
    unknown = Evidence(Question("q", "Who?", answers))
    verdicts, waves = hold(LlmLabelJudge().judge(unknown, candidates("the Winkler?!", "I don't know.", "")))
    assert labels(verdicts) == ["unscored", "abstain", "unscored"]
    assert waves == []


def test_what_cannot_be_read_is_asked_again_and_then_unscored(row, hold):
    judge = LlmLabelJudge(tries=3)
    verdicts, waves = hold(
        judge.judge(row, candidates("one", "two")), lambda r: "C" if shown_reply(r) == "one" else "correct"
    )
    assert labels(verdicts) == ["unscored", "correct"]
    assert [len(wave) for wave in waves] == [2, 1, 1]
    assert judge.report() == {
        "calls": 4,
        "unread_tries": 3,
        "unread": 1,
        "labels": {"correct": 1, "incorrect": 0, "abstain": 0},
    }


def test_a_later_try_counts(row, hold):
    verdicts, waves = hold(
        LlmLabelJudge().judge(row, candidates("one")), lambda r: "Hmm." if r.choices else "Label: refuse"
    )
    assert labels(verdicts) == ["abstain"]
    assert [wave[0].temperature for wave in waves] == [0.0, 1.0]


def test_a_verdict_that_was_cut_off_counts_only_if_it_was_stated(row, hold):
    def say(request):
        return Reply("Label: correct. And" if shown_reply(request) == "one" else "It is correct in", "length")

    verdicts, _ = hold(LlmLabelJudge(reasoning=True).judge(row, candidates("one", "two")), say)
    assert labels(verdicts) == ["correct", "unscored"]


def test_reasoning_is_written_and_sampled(row, hold):
    judge = LlmLabelJudge(reasoning=True, max_new_tokens=99)
    verdicts, [[asked]] = hold(judge.judge(row, candidates("one")), lambda _: "Is it wrong? No.\nLabel: correct")
    assert labels(verdicts) == ["correct"]
    assert (asked.choices, asked.temperature, asked.max_new_tokens) == ((), 1.0, 99)
    assert "Label:" in content(asked)


def test_the_prompt_begins_like_the_candidates_own_and_shows_what_is_right(row, hold):
    _, [[asked]] = hold(LlmLabelJudge().judge(row, candidates("one")), lambda _: "correct")
    [own] = render("candidates/rag_1", row.question.text, row.passages)
    common = own["content"].split("Answer in")[0]
    assert common.endswith(f"Question: {row.question.text}\n")
    assert content(asked).startswith(common)
    assert "Clemens Winkler; Winkler" in content(asked)
    assert asked.share == f"{row.id}/passages"


def test_without_passages_the_prompt_begins_with_the_question(row, hold):
    bare = dataclasses.replace(row, passages=())
    _, [[asked]] = hold(LlmLabelJudge().judge(bare, candidates("one")), lambda _: "correct")
    assert content(asked).startswith("Question: ")


def test_no_more_than_so_many_passages_are_shown_best_ones(row, hold):
    many = dataclasses.replace(row, passages=tuple(Passage(str(i), f"Text{i}.") for i in range(6)))
    _, [[asked]] = hold(LlmLabelJudge(passages=2).judge(many, candidates("one")), lambda _: "correct")
    assert [f"Text{i}." in content(asked) for i in range(6)] == [True, True, False, False, False, False]


def test_many_rows_at_once_keep_their_own_labels():
    rows = [Evidence(Question(f"q{i}", f"Question {i}?", (f"answer{i}",))) for i in range(20)]
    knows = ScriptedGenerator(
        lambda r: "correct" if f"Accepted answers: {shown_reply(r)}\n" in content(r) else "incorrect"
    )
    judge = LlmLabelJudge()
    dialogues = (judge.judge(row, candidates("answer3", f"answer{i}")) for i, row in enumerate(rows))
    found = list(converse(dialogues, knows, window=5))
    assert [labels(v)[1] for v in found] == ["correct"] * 20
    assert [i for i, v in enumerate(found) if labels(v)[0] == "correct"] == [3]


def test_no_tries_are_refused():
    with pytest.raises(UserError, match="tries"):
        LlmLabelJudge(tries=0)
