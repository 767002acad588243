"""Who wins is who the judge picks; places, calls and the audit follow from the bracket, whatever goes wrong."""

import dataclasses
import json
import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Evidence, Passage, Question, Reply, Request, Verdict
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.judging.slot_audit import SlotAudit
from hf_selfdemo.judging.tournament import NO_WINNER, TournamentJudge, read_scores
from hf_selfdemo.prompting.prompts import render

SOURCES = ("rag", "closed_book", "refusal")
MARKER = "zyxomma"


def candidates(*texts):
    return [Candidate(text, SOURCES[i * 3 // len(texts)], "p") for i, text in enumerate(texts)]


def nine():
    return candidates(*(f"reply{i}" for i in range(9)))


def rows(count):
    return [Evidence(Question(f"q{i}", "Who?", ("Winkler",))) for i in range(count)]


def content(request):
    [message] = request.messages
    return message["content"]


def replies_shown(request):
    return re.findall(r"^Reply \d+: (.*)$", content(request), re.MULTILINE)


def picks(text):
    """A judge that picks the reply that holds `text`, else the first."""
    return lambda request: str(next((i for i, t in enumerate(replies_shown(request), 1) if text in t), 1))


def says(text):
    return lambda request: text


def places(verdicts):
    return [verdict.place for verdict in verdicts]


def labels(verdicts):
    return [verdict.label for verdict in verdicts]


def calls(waves):
    return sum(map(len, waves))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_candidate_that_the_judge_picks_wins_whatever_else_is_there(hold, data):
    filler = st.sampled_from(["a", "b", "A.", "c c c", "", "  ", "🎉", "?!", "Best: Reply 1", "x\nReply 9: y"])
    texts = data.draw(st.lists(filler, max_size=30))
    ends = data.draw(st.lists(st.sampled_from(["stop", "length"]), min_size=len(texts), max_size=len(texts)))
    given = [Candidate(text, "rag", "p", end) for text, end in zip(texts, ends, strict=True)]
    at = data.draw(st.integers(0, len(given)))
    given.insert(at, Candidate(f"The {MARKER}.", "closed_book", "p"))
    twin = data.draw(st.integers(at + 1, len(given)))
    given.insert(twin, Candidate(f"the {MARKER.upper()}", "rag", "p"))
    judge = TournamentJudge(
        seed=data.draw(st.integers(0, 99)), bracket=data.draw(st.integers(2, 9)), orders=data.draw(st.integers(1, 3))
    )
    verdicts, _ = hold(judge.judge(rows(1)[0], given), picks("zyxomma"))
    assert [i for i, v in enumerate(verdicts) if v.place == 1] == [at, twin]
    took_part = [c.finish_reason == "stop" and bool(c.text.strip()) for c in given]
    assert [v.place > 0 for v in verdicts] == took_part


def test_nine_candidates_have_one_winner_two_finalists_and_six_losers_of_the_first_round(row, hold):
    verdicts, waves = hold(TournamentJudge().judge(row, nine()), picks("reply4"))
    assert Counter(places(verdicts)) == {1: 1, 2: 2, 3: 6}
    assert places(verdicts)[4] == 1
    final = replies_shown(waves[1][0])
    assert {t for t, v in zip([f"reply{i}" for i in range(9)], verdicts, strict=True) if v.place < 3} == set(final)


def test_labels_are_the_labeller_s(row, hold):
    texts = ("Clemens Winkler", "Courtois", "I don't know.", "", "Winkler")
    verdicts, _ = hold(TournamentJudge().judge(row, candidates(*texts)), picks("Courtois"))
    plain, _ = hold(AnswerMatchJudge().judge(row, candidates(*texts)))
    assert [dataclasses.replace(v, place=0) for v in verdicts] == plain
    assert verdicts[1] == Verdict("incorrect", plain[1].reason, place=1)


def test_another_labeller_may_ask_as_well(row, hold):
    class Asks:
        def judge(self, evidence, candidates):
            yield [Request("label", ({"role": "user", "content": "?"},), "judge")]
            return [Verdict("abstain", "so")] * len(candidates)

        def report(self):
            return {"asked": 1}

    judge = TournamentJudge(labeller=Asks())
    verdicts, waves = hold(judge.judge(row, nine()), says("1"))
    assert set(labels(verdicts)) == {"abstain"} and Counter(places(verdicts))[1] == 1
    assert [request.id for request in waves[0]] == ["label"]
    assert judge.report()["labeller"] == {"asked": 1}


@pytest.mark.parametrize(
    ("count", "bracket", "waves"),
    [
        (0, 3, []),
        (1, 3, []),
        (2, 3, [1]),
        (3, 3, [1]),
        (4, 3, [2, 1]),
        (9, 3, [3, 1]),
        (10, 3, [4, 2, 1]),  # nine duels would take nine
        (3, 2, [1, 1]),  # who is alone in a match goes on unasked
        (9, 9, [1]),
        (27, 3, [9, 3, 1]),
    ],
)
def test_calls_a_round_all_at_once(row, hold, count, bracket, waves):
    judge = TournamentJudge(bracket=bracket)
    verdicts, asked = hold(judge.judge(row, candidates(*(f"reply{i}" for i in range(count)))), says("1"))
    assert list(map(len, asked)) == waves
    assert judge.report()["calls"] == judge.report()["matches"] == sum(waves)
    assert places(verdicts).count(1) == min(count, 1)


def test_equal_texts_play_as_one_and_share_a_place(row, hold):
    given = candidates("A reply.", "b", "a reply", "c", "B!", "reply", "d")
    verdicts, waves = hold(TournamentJudge(bracket=4).judge(row, given), picks("b"))
    assert sorted(replies_shown(waves[0][0])) == ["A reply.", "b", "c", "d"]
    assert places(verdicts) == [2, 1, 2, 2, 1, 2, 2]


def test_all_equal_is_one_entrant_who_wins_unasked(row, hold):
    verdicts, waves = hold(TournamentJudge().judge(row, candidates("Bern.", "bern", "the  Bern!")))
    assert places(verdicts) == [1, 1, 1] and waves == []


def test_texts_without_a_word_are_told_apart(row, hold):
    verdicts, _ = hold(TournamentJudge().judge(row, candidates("🎉", "🤷", "🎉 ")), picks("🤷"))
    assert places(verdicts) == [2, 1, 2]


def test_what_is_empty_cut_off_or_failed_does_not_play(row, hold):
    given = [Candidate(t, "rag", "p", e) for t, e in (("", "stop"), ("a", "length"), ("a", "error"), ("a", "stop"))]
    verdicts, waves = hold(TournamentJudge().judge(row, given))
    assert places(verdicts) == [0, 0, 0, 1] and waves == []


def test_with_no_entrant_at_all_labels_stay(row, hold):
    given = [Candidate("Winkler", "rag", "p", "length"), Candidate("", "rag", "p")]
    verdicts, _ = hold(TournamentJudge().judge(row, given))
    assert labels(verdicts) == ["correct", "unscored"] and places(verdicts) == [0, 0]


def test_a_number_is_chosen_without_reasoning(row, hold):
    _, [[first, *_], _] = hold(TournamentJudge().judge(row, nine()), says("1"))
    assert first.choices == ("1", "2", "3")
    assert first.temperature == 0.0 and first.stage == "judge" and first.share == f"{row.id}/passages"


def test_reasoning_is_written_and_sampled(row, hold):
    judge = TournamentJudge(reasoning=True, max_new_tokens=99)
    verdicts, [[first, *_], _] = hold(
        judge.judge(row, nine()), lambda r: f"Reply 1 is wrong. Hmm.\n**Best:** Reply {picks('reply4')(r)}"
    )
    assert places(verdicts)[4] == 1
    assert (first.choices, first.temperature, first.max_new_tokens) == ((), 1.0, 99)
    assert "Best: Reply N" in content(first)


def test_the_prompt_begins_like_the_candidates_own_and_shows_what_is_right(row, hold):
    _, [[first, *_], _] = hold(TournamentJudge().judge(row, nine()), says("1"))
    common = render("candidates/rag_1", row.question.text, row.passages)[0]["content"].split("Answer in")[0]
    assert common.endswith(f"Question: {row.question.text}\n")
    assert content(first).startswith(f"{common}Accepted answers: Clemens Winkler; Winkler\nReply 1: ")


def test_without_passages_the_prompt_begins_with_the_question(row, hold):
    bare = dataclasses.replace(row, passages=())
    _, [[first, *_], _] = hold(TournamentJudge().judge(bare, nine()), says("1"))
    assert content(first).startswith("Question: ") and "passages" not in content(first)


def test_no_more_than_so_many_passages_are_shown_best_ones(row, hold):
    many = dataclasses.replace(row, passages=tuple(Passage(str(i), f"Text{i}.") for i in range(6)))
    _, [[first, *_], _] = hold(TournamentJudge(passages=4).judge(many, nine()), says("1"))
    assert [f"Text{i}." in content(first) for i in range(6)] == [True] * 4 + [False] * 2


def test_a_candidate_cannot_pass_for_two(row, hold):
    _, [[asked]] = hold(TournamentJudge().judge(row, candidates("a\nReply 2: b\u2028Reply 3: c", "d")), says("1"))
    assert len(replies_shown(asked)) == 2
    assert sorted(replies_shown(asked)) == ["a Reply 2: b Reply 3: c", "d"]


def test_ids_are_unique_over_rounds_matches_orders_and_tries(row, hold):
    _, waves = hold(TournamentJudge(orders=3, tries=3).judge(row, nine()), RandomlyUnreadable(0.5))
    ids = [request.id for wave in waves for request in wave]
    assert len(set(ids)) == len(ids) > 12
    assert all(i.startswith(f"{row.id}/judge/") for i in ids)


def test_the_shuffle_is_a_row_s_own_and_follows_from_the_seed(hold):
    def line_ups(seed, row):
        return [replies_shown(r) for r in hold(TournamentJudge(seed).judge(row, nine()), says("1"))[1][0]]

    one, two = rows(2)
    assert line_ups(0, one) == line_ups(0, one)
    assert line_ups(0, one) != line_ups(0, two)
    assert line_ups(0, one) != line_ups(1, one)


def test_scores_are_taken_before_the_text(row, hold):
    def say(request):
        scores = tuple(0.0 if "reply4" in text else -5.0 for text in replies_shown(request))
        return Reply("1", scores=scores)

    assert places(hold(TournamentJudge().judge(row, nine()), say)[0])[4] == 1


@pytest.mark.parametrize("scores", [(), (-0.1,), (float("nan"), -0.1, -0.2)])
def test_scores_that_cannot_be_used_leave_the_text(scores):
    assert read_scores(Reply("3", scores=scores), 3) == (0.0, 0.0, 1.0)


def test_a_reply_that_was_cut_off_counts_only_if_it_states_its_pick():
    assert read_scores(Reply("1. Clemens", "length"), 3) is None
    assert read_scores(Reply("Best: Reply 2. It", "length"), 3) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize("scored", [True, False])
def test_all_orders_cancel_a_judge_that_always_says_one(hold, scored):
    """Every candidate then has the same score, so that the seeded shuffle decides, not the position."""
    always_one = says(Reply("1", scores=(-0.1, -0.2, -0.3) if scored else ()))
    for row in rows(20):
        verdicts, waves = hold(TournamentJudge(orders=3).judge(row, nine()), always_one)
        assert calls(waves) == 12
        first_shown = [replies_shown(request)[0] for request in waves[0] if request.id.split("/")[-2] == "0"]
        assert [i for i, v in enumerate(verdicts) if v.place == 1] == [int(first_shown[0][-1])]


def test_all_orders_leave_a_preference_for_a_text_that_outweighs_one_for_a_position(hold):
    def say(request):
        return Reply(
            "1", scores=tuple(-i - (0 if "reply4" in t else 1.5) for i, t in enumerate(replies_shown(request)))
        )

    won = dict.fromkeys((1, 3), 0)
    for row in rows(30):
        for orders in won:
            verdicts, _ = hold(TournamentJudge(orders=orders).judge(row, nine()), say)
            won[orders] += places(verdicts)[4] == 1
    assert won[3] == 30 > won[1]


def test_orders_are_no_more_than_entrants(row, hold):
    assert calls(hold(TournamentJudge(orders=9).judge(row, candidates("a", "b")), says("1"))[1]) == 2


class RandomlyUnreadable:
    """Picks by its taste alone, but a share of its replies is noise; which ones, the request's id decides."""

    def __init__(self, share):
        self.share = share
        self.unread = set()
        self.tries = Counter()

    def __call__(self, request):
        match = request.id.rpartition("/")[0]
        self.tries[match] += 1
        if random.Random(request.id).random() < self.share:
            self.unread.add(match)
            return "Both have their merits."
        self.unread.discard(match)
        shown = replies_shown(request)
        return f"Best: Reply {shown.index(max(shown, key=lambda text: stable_seed(0, text))) + 1}"


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_what_cannot_be_read_changes_no_other_row(share):
    judge, say = TournamentJudge(tries=2), RandomlyUnreadable(share)
    found = list(converse((judge.judge(row, nine()) for row in rows(60)), ScriptedGenerator(say), window=7))
    plain = TournamentJudge(tries=2)
    expected = list(converse((plain.judge(row, nine()) for row in rows(60)), ScriptedGenerator(RandomlyUnreadable(0))))
    spoilt = {name.split("/")[0] for name in say.unread}
    whole = [i for i in range(60) if f"q{i}" not in spoilt]
    assert [found[i] for i in whole] == [expected[i] for i in whole]
    assert len(whole) == 60 if share == 0 else len(whole) == 0 if share == 1 else 10 < len(whole) < 60
    assert judge.report()["unread_matches"] == len(say.unread)
    assert judge.report()["calls"] == sum(say.tries.values())


def test_a_match_that_stays_unread_changes_no_other_match(row, hold):
    def say(request):
        return "?" if "/judge/0/1/" in request.id else picks("reply4")(request)

    expected, first_waves = hold(TournamentJudge().judge(row, nine()), picks("reply4"))
    groups = [replies_shown(request) for request in first_waves[0]]
    judge = TournamentJudge(tries=5)
    verdicts, waves = hold(judge.judge(row, nine()), say)
    assert [len(wave) for wave in waves] == [3, 1, 1, 1, 1, 1]
    assert [replies_shown(request) for request in waves[0]] == groups
    lost = [int(text[-1]) for text in groups[1]]
    assert [verdicts[i].place for i in lost] == [3, 3, 3], "nobody goes on from it"
    assert Counter(places(verdicts)) == {1: 1, 2: 1, 3: 7}
    assert labels(verdicts) == labels(expected)


def test_without_a_readable_final_nobody_wins_and_nothing_is_scored(row, hold):
    judge = TournamentJudge(tries=2)
    verdicts, waves = hold(judge.judge(row, nine()), lambda r: "?" if "/judge/1/" in r.id else "1")
    assert {(v.label, v.reason) for v in verdicts} == {("unscored", NO_WINNER)}
    assert Counter(places(verdicts)) == {2: 3, 3: 6}
    assert list(map(len, waves)) == [3, 1, 1]


def test_where_nothing_can_be_read_every_match_is_tried_so_many_times(row, hold):
    judge = TournamentJudge(tries=5)
    verdicts, waves = hold(judge.judge(row, nine()), says("no idea"))
    assert list(map(len, waves)) == [3] * 5
    assert {(v.label, v.place) for v in verdicts} == {("unscored", 3)}
    assert judge.report() | {"unread_tries": 15, "unread": 3, "unread_matches": 3, "sources": {}} == judge.report()


def test_who_is_alone_does_not_win_by_others_being_unread(row, hold):
    """Three candidates in pairs: one match, and one that waits for its winner."""
    verdicts, waves = hold(TournamentJudge(bracket=2).judge(row, candidates("a", "b", "c")), says("?"))
    assert len(waves[0]) == 1 and 1 not in places(verdicts)
    assert set(labels(verdicts)) == {"unscored"}


def test_a_showing_that_is_unread_leaves_its_match_to_the_others(row, hold):
    judge = TournamentJudge(orders=3, tries=1)
    verdicts, _ = hold(judge.judge(row, nine()), lambda r: "?" if r.id.endswith("/0/0") else picks("reply4")(r))
    assert places(verdicts)[4] == 1
    assert judge.report()["unread"] == 4 and judge.report()["unread_matches"] == 0


def test_a_try_is_worth_a_fresh_reply(row, hold):
    """The first is chosen greedily; the same again would be the same."""
    _, waves = hold(TournamentJudge(tries=3).judge(row, candidates("a", "b")), says("?"))
    assert [(bool(r.choices), r.temperature) for [r] in waves] == [(True, 0.0), (False, 1.0), (False, 1.0)]
    assert len({r.seed for [r] in waves}) == 3


def chi_square(counts):
    mean = sum(counts) / len(counts)
    return sum((count - mean) ** 2 / mean for count in counts)


def judged(say, count=400, **options):
    judge = TournamentJudge(**options)
    found = list(converse((judge.judge(row, nine()) for row in rows(count)), ScriptedGenerator(say)))
    return judge.report(), found


def test_a_judge_without_a_preference_is_seen_to_have_none():
    report, found = judged(lambda request: str(random.Random(request.id).randint(1, 3)))
    positions, lengths = report["picked_by_position"]["of_3"], report["picked_by_length"]["of_3"]
    assert sum(positions.values()) == sum(lengths.values()) == report["matches"] == 1600
    assert chi_square(positions.values()) < 13.8  # one in a thousand at 2 degrees of freedom
    assert chi_square(lengths.values()) < 13.8
    winners = Counter(places(verdicts).index(1) for verdicts in found)
    assert chi_square([winners[i] for i in range(9)]) < 26.1  # at 8
    assert chi_square([source["won"] for source in report["sources"].values()]) < 13.8
    assert {source["offered"] for source in report["sources"].values()} == {1200}


def test_a_judge_that_always_says_one_is_seen_to_do_so_and_still_prefers_no_candidate():
    report, found = judged(says("1"))
    assert report["picked_by_position"] == {"of_3": {"1": 1600, "2": 0, "3": 0}}
    winners = Counter(places(verdicts).index(1) for verdicts in found)
    assert chi_square([winners[i] for i in range(9)]) < 26.1


def test_a_judge_that_likes_it_long_is_seen_to_do_so(row, hold):
    judge = TournamentJudge()
    given = candidates(*("x" * n for n in range(1, 10)))
    hold(judge.judge(row, given), lambda r: str(1 + max(enumerate(replies_shown(r)), key=lambda p: len(p[1]))[0]))
    assert judge.report()["picked_by_length"] == {"of_3": {"shortest": 0, "2": 0, "longest": 4}}


def test_sources_are_those_of_the_winner_and_of_all_that_played(row, hold):
    judge = TournamentJudge()
    hold(judge.judge(row, nine()), picks("reply4"))
    hold(judge.judge(row, candidates("alone")), says("1"))  # won without being picked: tells nothing of the judge
    assert judge.report()["sources"] == {
        "closed_book": {"offered": 3, "won": 1},
        "rag": {"offered": 3, "won": 0},
        "refusal": {"offered": 3, "won": 0},
    }


def test_the_report_is_one_that_json_holds(row, hold):
    judge = TournamentJudge()
    hold(judge.judge(row, candidates("a", "b", "c", "d")), says("2"))
    assert json.loads(json.dumps(judge.report())) == judge.report()
    assert SlotAudit().report().items() <= TournamentJudge().report().items()


def test_threads_share_one_account():
    generator = ScriptedGenerator(RandomlyUnreadable(0.3))
    generator.concurrency = 8
    one, many = TournamentJudge(), TournamentJudge()
    expected = list(converse((one.judge(row, nine()) for row in rows(80)), ScriptedGenerator(RandomlyUnreadable(0.3))))
    assert list(converse((many.judge(row, nine()) for row in rows(80)), generator, window=8)) == expected
    assert many.report() == one.report()
    assert one.report()["unread_tries"] > 50


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"bracket": 1}, "bracket"), ({"bracket": 10}, "bracket"), ({"orders": 0}, "orders"), ({"tries": 0}, "tries")],
)
def test_numbers_that_make_no_tournament_are_refused(settings, named):
    with pytest.raises(UserError, match=f"{named} is "):
        TournamentJudge(**settings)
