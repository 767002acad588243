"""A match is trusted; of the rest the model has the last word, or nobody has."""

import pytest

from hf_selfdemo.core.types import Candidate, Evidence, Question
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.judging.match_then_llm import MatchThenLlmJudge

TEXTS = ("Clemens Winkler", "The chemist from Freiberg", "I don't know.", "", "Bernard Courtois")


def candidates(*texts):
    return [Candidate(text, "rag", "p") for text in texts]


def labels(verdicts):
    return [verdict.label for verdict in verdicts]


def test_the_model_is_asked_only_about_what_the_match_calls_incorrect(row, hold):
    _, [asked] = hold(MatchThenLlmJudge().judge(row, candidates(*TEXTS)), lambda _: "incorrect")
    assert [[t for t in TEXTS if t and f"Reply: {t}\n" in r.messages[0]["content"]] for r in asked] == [
        ["The chemist from Freiberg"],
        ["Bernard Courtois"],
    ]


@pytest.mark.parametrize(
    ("said", "label"), [("correct", "correct"), ("incorrect", "incorrect"), ("refuse", "abstain"), ("?", "unscored")]
)
def test_the_model_has_the_last_word_there(row, hold, said, label):
    judge = MatchThenLlmJudge(tries=2)
    verdicts, _ = hold(judge.judge(row, candidates(*TEXTS)), lambda _: said)
    assert labels(verdicts) == ["correct", label, "abstain", "unscored", label]
    assert judge.report()["calls"] == (4 if said == "?" else 2)


def test_where_nothing_is_doubtful_nobody_is_asked(row, hold):
    verdicts, waves = hold(MatchThenLlmJudge().judge(row, candidates("Winkler", "I don't know.", "")))
    assert labels(verdicts) == ["correct", "abstain", "unscored"]
    assert waves == []


@pytest.mark.parametrize("answers", [(), ("?!",)])
def test_where_no_answer_is_known_the_match_stands(hold, answers):
    unknown = Evidence(Question("q", "Who?", answers))
    given = candidates(*TEXTS)
    verdicts, waves = hold(MatchThenLlmJudge().judge(unknown, given))
    assert verdicts == hold(AnswerMatchJudge().judge(unknown, given))[0]
    assert waves == []


def test_a_list_of_everything_stays_incorrect(row, hold):
    verdicts, waves = hold(MatchThenLlmJudge(max_words=3).judge(row, candidates("Ada Bo Clemens Winkler Di")))
    assert labels(verdicts) == ["incorrect"]
    assert waves == []


def test_what_was_cut_off_and_matches_nothing_is_unscored(row, hold):
    verdicts, waves = hold(MatchThenLlmJudge().judge(row, [Candidate("The chemist Clem", "rag", "p", "length")]))
    assert labels(verdicts) == ["unscored"]
    assert waves == []
