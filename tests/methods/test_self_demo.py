"""What is asked for, in which words, and who wins."""

from dataclasses import replace

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Candidate, Demonstration, Skip, Verdict
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.methods.self_demo import Choosing, Sampling, SelfDemo


def written(strategy, row, reply=None):
    asked = []

    def say(request):
        asked.append(request)
        return reply(request) if reply else f"reply to {request.id}"

    [candidates] = converse([strategy.write(row)], ScriptedGenerator(say))
    return candidates, asked


def judged(*triples):
    candidates = [Candidate(text, source, "p") for text, source, _ in triples]
    return candidates, [Verdict(label, "so") for *_, label in triples]


def test_the_papers_numbers_are_the_defaults(row):
    candidates, asked = written(SelfDemo(), row)
    assert [c.source for c in candidates] == ["rag"] * 3 + ["closed_book"] * 3 + ["refusal"] * 3
    assert {r.temperature for r in asked} == {1.0} and {r.max_new_tokens for r in asked} == {1000}


def test_refusals_of_one_prompt_differ_by_seed_alone(row):
    _, asked = written(SelfDemo(Sampling(0, 0, 3, refusal_prompts=1)), row)
    assert len({str(r.messages) for r in asked}) == 1 and len({r.seed for r in asked}) == 3


def test_a_summary_is_a_second_turn_and_alone_is_kept(row):
    def reply(request):
        return "Here is it in short: Winkler." if request.stage == "summary" else f"Long draft {request.id}."

    candidates, asked = written(SelfDemo(Sampling(1, 1, 1, summarise=True)), row, reply)
    assert [c.text for c in candidates] == ["Winkler."] * 3
    drafts, summaries = asked[:3], asked[3:]
    for draft, summary in zip(drafts, summaries, strict=True):
        assert summary.messages[: len(draft.messages)] == draft.messages
        assert summary.messages[-2] == {"role": "assistant", "content": f"Long draft {draft.id}."}
        assert draft.keep and not summary.keep and summary.share == draft.share and summary.seed != draft.seed


def test_a_draft_that_was_cut_off_or_empty_is_not_summarised(row):
    texts = iter(["word " * 20, "", "fine"])
    strategy = SelfDemo(Sampling(3, 0, 0, max_candidate_tokens=5, summarise=True))
    candidates, asked = written(strategy, row, lambda r: "in short" if r.stage == "summary" else next(texts))
    assert [(c.text, c.finish_reason) for c in candidates][1:] == [("", "stop"), ("in short", "stop")]
    assert candidates[0].finish_reason == "length" and len(asked) == 4


def test_a_right_answer_that_the_passages_do_not_hold_may_count_for_nothing(row):
    known = judged(("It was Winkler.", "rag", "correct"), ("I don't know.", "refusal", "abstain"))
    without = replace(row, answer_in_context=False)
    assert SelfDemo().select(without, *known)[0].outcome == "answer"
    assert SelfDemo(choosing=Choosing(answer_when="in_context")).select(without, *known)[0].response == "I don't know."
    assert SelfDemo(choosing=Choosing(answer_when="in_context")).select(row, *known)[0].response == "It was Winkler."


@pytest.mark.parametrize("rule", ["nothing_right", "not_in_context"])
def test_the_gold_answer_may_stand_in_where_the_passages_hold_it_and_nothing_right_was_written(row, rule):
    strategy = SelfDemo(choosing=Choosing(abstain_when=rule, gold_fallback=True, pair_policy="wrong_answer"))
    wrong = judged(("Courtois", "rag", "incorrect"), ("I don't know.", "refusal", "abstain"))
    [made] = strategy.select(row, *wrong)
    assert isinstance(made, Demonstration) and (made.outcome, made.source, made.rejected[0].text) == (
        "answer",
        "gold",
        "Courtois",
    )
    assert made.response in row.question.answers and made.response in row.passages[0].text
    right = judged(("It was Winkler.", "rag", "correct"), ("I don't know.", "refusal", "abstain"))
    assert strategy.select(row, *right)[0].source == "rag"
    without = replace(row, answer_in_context=False)
    assert strategy.select(without, *wrong)[0].outcome == "abstain"


@pytest.mark.parametrize("as_system", [False, True])
def test_searched_prompts_take_the_place_of_the_templates(row, as_system):
    found = {"rag": ["Be brief.", "Be exact."], "closed_book": ["Guess."]}
    strategy = SelfDemo(Sampling(3, 1, 1, instructions_as_system=as_system), instructions=found)
    candidates, asked = written(strategy, row)
    prompts = [c.prompt for c in candidates]
    assert prompts == ["search/rag_1", "search/rag_2", "search/rag_1", "search/closed_book_1", "candidates/refusal_1"]
    for request, words in zip(asked, ["Be brief.", "Be exact.", "Be brief.", "Guess."], strict=False):
        assert request.messages[0 if as_system else -1]["content"].endswith(words)
        assert request.messages[0]["role"] == ("system" if as_system else "user")
        assert row.question.text in request.messages[-1]["content"]


def test_right_answers_with_passages_come_first_and_the_shortest_wins(row):
    candidates, verdicts = judged(
        ("Winkler from memory", "closed_book", "correct"),
        ("It was Clemens Winkler", "rag", "correct"),
        ("Winkler", "rag", "correct"),
        ("No idea", "refusal", "abstain"),
    )
    assert SelfDemo().select(row, candidates, verdicts)[0].response == "Winkler"


def test_what_was_asked_to_decline_is_no_answer_to_train_on_unless_it_won_a_tournament(row):
    candidates, verdicts = judged(
        ("Courtois", "rag", "incorrect"),
        ("I cannot say, Winkler", "refusal", "correct"),
        ("I don't know", "refusal", "abstain"),
    )
    [result] = SelfDemo().select(row, candidates, verdicts)
    assert (result.response, result.outcome, result.verified) == ("I don't know", "abstain", True)
    assert isinstance(SelfDemo().select(row, candidates[:2], verdicts[:2]), Skip)
    verdicts[1] = Verdict("correct", place=1)
    [result] = SelfDemo().select(row, candidates, verdicts)
    assert (result.outcome, result.source, result.verified) == ("answer", "refusal", True)


def test_a_tournaments_winner_is_kept_or_dropped_by_policy_where_it_is_not_right(row):
    candidates, verdicts = judged(("Courtois", "rag", "incorrect"), ("Winkler", "rag", "correct"))
    verdicts[0] = Verdict("incorrect", place=1)
    [kept] = SelfDemo().select(row, candidates, verdicts)
    assert (kept.response, kept.verified) == ("Courtois", False)
    assert isinstance(SelfDemo(choosing=Choosing(unverified_winners="drop")).select(row, candidates, verdicts), Skip)


def test_an_abstention_that_beat_a_right_answer_is_not_verified(row):
    candidates, verdicts = judged(("I don't know", "refusal", "abstain"), ("Winkler", "rag", "correct"))
    verdicts[0] = Verdict("abstain", place=1)
    [result] = SelfDemo().select(row, candidates, verdicts)
    assert isinstance(result, Demonstration) and result.outcome == "abstain" and not result.verified
    assert isinstance(
        SelfDemo(choosing=Choosing(abstain_when="not_in_context")).select(row, candidates, verdicts), Skip
    )


@pytest.mark.parametrize(
    ("source", "label", "finish_reason", "shown", "reason"),
    [
        ("rag", "correct", "length", True, "the best candidate was truncated (raise max_candidate_tokens)"),
        ("refusal", "abstain", "length", False, "the best candidate was truncated (raise max_candidate_tokens)"),
        ("refusal", "abstain", "length", True, "no candidate is correct although the passages contain the answer"),
        ("rag", "incorrect", "length", True, "no candidate is correct although the passages contain the answer"),
        ("rag", "incorrect", "stop", False, "no candidate is correct or recognised as an abstention"),
    ],
)
def test_a_row_left_out_for_a_cut_off_candidate_says_so(row, source, label, finish_reason, shown, reason):
    candidates, verdicts = judged(("Winkl", source, label))
    candidates = [replace(candidates[0], finish_reason=finish_reason)]
    strategy = SelfDemo(choosing=Choosing(abstain_when="not_in_context"))
    assert strategy.select(replace(row, answer_in_context=shown), candidates, verdicts).reason == reason


def test_a_row_that_no_judge_could_score_says_so(row):
    candidates, verdicts = judged(("Winkler", "rag", "unscored"), ("No", "refusal", "unscored"))
    assert SelfDemo().select(row, candidates, verdicts).reason == "unscored: so"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"abstain_when": "never"}, "use one of not_in_context, nothing_right"),
        ({"answer_when": "never"}, "use one of in_context, right"),
        ({"unverified_winners": "maybe"}, "use one of drop, keep"),
        ({"pair_policy": "golden"}, "did you mean 'gold'"),
    ],
)
def test_unknown_policies_are_refused(keys, message):
    with pytest.raises(UserError, match=message):
        Choosing(**keys)
