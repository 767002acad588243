"""The reward function: its table, its groups, who judges, and what it refuses."""

import pytest

from hf_selfdemo import AbstentionReward, AnswerMatchJudge, LlmLabelJudge, ScriptedGenerator
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Verdict

QUESTION = "Who discovered germanium?"
RIGHT, WRONG, DECLINES, EMPTY = "Clemens Winkler did.", "Bernard Courtois did.", "I don't know.", "  "


def asked(reward, *replies, **columns):
    """The rewards of replies to one question, as TRL asks for them."""
    count = len(replies)
    told = {"question": QUESTION, "answers": ["Winkler"]} | columns
    return reward([QUESTION] * count, list(replies), **{name: [value] * count for name, value in told.items()})


class Logged(dict):
    """TRL's `log_metric` and `log_extra`."""

    def kwargs(self):
        return {"log_metric": self.__setitem__, "log_extra": self.__setitem__}


def with_log(reward, replies, answers=("Winkler",), ids=None):
    log = Logged()
    columns = {"question": [QUESTION] * len(replies), "answers": [list(answers)] * len(replies)}
    if ids:
        columns["id"] = ids
    return reward([QUESTION] * len(replies), replies, **columns, **log.kwargs()), log


@pytest.mark.parametrize("abstain_value", [0, 0.3, 1])
def test_each_label_has_its_reward(abstain_value):
    reward = AbstentionReward(AnswerMatchJudge(), abstain_value)
    assert asked(reward, RIGHT, DECLINES, WRONG, EMPTY) == [1.0, float(abstain_value), 0.0, None]
    assert reward.__name__ == "abstention_reward"


def test_half_is_the_ternary_reward_up_to_scale_and_place():
    found = asked(AbstentionReward(AnswerMatchJudge(), 0.5), RIGHT, DECLINES, WRONG)
    assert [2 * value - 1 for value in found] == [1, 0, -1]


def test_conversations_are_read_by_their_last_turn_and_thoughts_are_no_part_of_it():
    reward = AbstentionReward(AnswerMatchJudge())
    turns = [[{"role": "assistant", "content": text}] for text in (RIGHT, f"<think>Winkler?</think>{WRONG}")]
    assert asked(reward, *turns) == [1.0, 0.0]
    assert asked(reward, f"Present: {RIGHT}", f"Absent: {DECLINES}", "Absent:") == [1.0, 0.5, None]
    with pytest.raises(UserError, match="a completion is of type int"):
        asked(reward, 7)


@pytest.mark.parametrize(
    "replies, expected",
    [
        ([RIGHT, DECLINES, WRONG], [1.0, 0.0, 0.0]),  # the passages could be answered from
        ([WRONG, DECLINES, DECLINES], [0.0, 0.5, 0.5]),
        ([DECLINES, DECLINES], [0.5, 0.5]),
        ([WRONG, DECLINES, EMPTY], [0.0, None, None]),  # the unscored one may have been right
        ([RIGHT, DECLINES, EMPTY], [1.0, 0.0, None]),
    ],
)
def test_abstaining_can_be_rewarded_only_where_no_reply_of_the_group_is_right(replies, expected):
    assert asked(AbstentionReward(AnswerMatchJudge(), 0.5, only_where_none_right=True), *replies) == expected


def test_groups_are_those_of_one_id_and_without_ids_those_of_one_prompt():
    reward = AbstentionReward(AnswerMatchJudge(), only_where_none_right=True)
    columns = {"question": [QUESTION] * 4, "answers": [["Winkler"]] * 4}
    replies = [RIGHT, DECLINES, DECLINES, WRONG]
    assert reward(["p"] * 4, replies, id=["a", "b", "a", "b"], **columns) == [1.0, 0.5, 0.0, 0.0]
    prompts = [[{"role": "user", "content": text}] for text in ("x", "y", "x", "y")]
    assert reward(prompts, replies, **columns) == [1.0, 0.5, 0.0, 0.0]
    assert reward(["p"] * 4, replies, **columns) == [1.0, 0.0, 0.0, 0.0]


def test_an_unanswerable_row_rewards_abstaining_and_one_about_which_nothing_is_known_has_no_reward():
    reward = AbstentionReward(AnswerMatchJudge())
    assert asked(reward, WRONG, DECLINES, answers=[], answerable=False) == [0.0, 0.5]
    assert asked(reward, WRONG, DECLINES, answers=[]) == [0.0, 0.5]  # as the metrics read such rows
    assert asked(reward, WRONG, DECLINES, answers=[], answerable=True) == [None, None]


@pytest.mark.parametrize("missing", ["question", "answers"])
def test_a_missing_column_is_named(missing):
    columns = {"question": [QUESTION], "answers": [["Winkler"]]}
    del columns[missing]
    with pytest.raises(UserError, match=f"no column '{missing}'"):
        AbstentionReward(AnswerMatchJudge())(["p"], [RIGHT], **columns)


def test_a_row_without_a_value_is_named():
    with pytest.raises(UserError, match="row 'q1' has no answers"):
        asked(AbstentionReward(AnswerMatchJudge()), RIGHT, answers=None, id="q1")


def test_a_judge_that_asks_a_model_asks_the_generator_it_was_given():
    seen = []

    def said(request):
        seen.append(request.messages[0]["content"])
        return "correct" if "Reply: a chemist" in seen[-1] or "a chemist" in seen[-1] else "incorrect"

    passages = [{"id": "1", "title": "", "text": "Winkler found it."}]
    reward = AbstentionReward(LlmLabelJudge(), generator=ScriptedGenerator(said))
    assert asked(reward, "a chemist", "a sailor", passages=passages) == [1.0, 0.0]
    assert len(seen) == 2 and all("Winkler found it." in prompt for prompt in seen)
    with pytest.raises(UserError, match="no column 'passages'"):
        asked(reward, "a chemist")
    with pytest.raises(UserError, match="asks a model, but the reward has no generator"):
        asked(AbstentionReward(LlmLabelJudge()), "a chemist")


def test_a_judging_model_does_not_score_what_was_cut_off_or_a_call_that_failed():
    always = ScriptedGenerator(lambda request: "correct")
    reward = AbstentionReward(LlmLabelJudge(passages=0), generator=always, stop_ids=[2])
    replies = ["a chemist", "a chemist who"]
    columns = {"question": [QUESTION] * 2, "answers": [["Winkler"]] * 2, "passages": [[]] * 2}
    assert reward(["p"] * 2, replies, completion_ids=[[5, 2], [5, 6]], **columns) == [1.0, None]

    class Failing:
        def judge(self, evidence, candidates):
            from hf_selfdemo.core.errors import CallFailed

            raise CallFailed("no connection")
            yield

        def report(self):
            return {}

    assert asked(AbstentionReward(Failing()), RIGHT, WRONG) == [None, None]


def test_what_is_no_judge_and_a_value_out_of_range_are_refused_at_once():
    with pytest.raises(UserError, match="the judge is a str"):
        AbstentionReward("answer_match")
    with pytest.raises(UserError, match=r"abstain_value is 1\.5"):
        AbstentionReward(AnswerMatchJudge(), 1.5)
    with pytest.raises(UserError, match="the generator is a str"):
        AbstentionReward(AnswerMatchJudge(), generator="server")


def test_shares_go_into_the_log():
    reward = AbstentionReward(AnswerMatchJudge())
    _, log = with_log(reward, [RIGHT, DECLINES, EMPTY, DECLINES, DECLINES, EMPTY], ids=["a"] * 3 + ["b"] * 3)
    assert log["unscored"] == pytest.approx(2 / 6)
    assert log["abstention_rate"] == pytest.approx(3 / 4)
    assert log["groups_without_spread"] == pytest.approx(1 / 2)
    assert log["label"] == ["correct", "abstain", "unscored", "abstain", "abstain", "unscored"]


def test_where_nothing_was_scored_no_share_of_it_is_told():
    found, log = with_log(AbstentionReward(AnswerMatchJudge()), [EMPTY, EMPTY])
    assert found == [None, None]
    assert {name: value for name, value in log.items() if name != "label"} == {"unscored": 1.0}


def test_a_label_that_is_none_is_refused():
    class Odd:
        def judge(self, evidence, candidates):
            return [Verdict("maybe")] * len(candidates)
            yield

        def report(self):
            return {}

    with pytest.raises(UserError, match="the label 'maybe' is unknown"):
        asked(AbstentionReward(Odd()), RIGHT)
