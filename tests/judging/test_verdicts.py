"""A reply that says one thing is read in any dress; a reply that could mean two is not read at all."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.judging.inquiry import Inquiry
from hf_selfdemo.judging.llm_label import LABEL_WORDS
from hf_selfdemo.judging.verdicts import read_choice, read_label

PROPERTY = settings(max_examples=150, deadline=None)
LABELS = {"correct": "correct", "incorrect": "incorrect", "refuse": "abstain"}

SAYS_TWO = """
    2|2.|**2**|(2)|[2]|#2| 2 |2)|Reply 2|Reply #2|reply 2.|Prediction 2|"2"|Answer: 2|The answer is 2.
    Best: 2|best: 2|BEST: 2|Best 2|Best=2|Best - 2|Best: Reply 2|Best: Prediction 2|best: prediction 2
    **Best:** Prediction 2|**Best: 2**|Best: **Reply 2**|Best: [2]|Best: #2|Best: Reply #2|Best reply: 2
    The best reply is Reply 2.|The best is number 2.|Reply 2 is the best.|2 is best|I think Reply 2 is clearly best.
    2. It names the man of 1886.|2: Clemens Winkler|2) I don't know.|I would choose Reply 2.|I pick 2|{"best": 2}
    The second|the second one.|The second reply|Best: the second reply|Reply 1 is wrong and Reply 2 is best.
    Reply 1 is wrong. Reply 3 is wrong. Best: Reply 2|Best: Reply 1? No. Best: Reply 2|Best: Reply 2, second best: 3
    Best: Reply 2. Reply 1 and Reply 3 are wrong.|Best: 2 (not 1 or 3)|Best: Reply 2, because 3 is wrong
"""
UNREADABLE = """
    ||?!|none|Best: none|Best:|Best: Reply N|both|0|4|10|22|-2|2.5|1-2|1/3|1,2|Best: 4|Best: 0|Best: Reply 10|Best: -2
    1 or 2|1 and 2|1, 2|Best: 1 or 2|Best: 1 and 3|Best: 1, 2|Best: Reply 1 & Reply 2|Reply 1 and Reply 2 are best
    Reply 1 is wrong.|Reply 1 isn't right|Not reply 1|1. Reply 1 is wrong.|2 of the replies are right|1 passage says so
    It is in the first passage.|First, I look at the passages.|Reply 1 beats Reply 2
    1. Reply 1 says so. 2. Reply 2 does too.
    Best: 2. No: Best: 4|Best: 2. Or rather, best: 1 or 2|two|²|Best: 2.5|Best: 2nd|H2O|Reply two
"""


def cases(block):
    return [case for line in block.strip().splitlines() for case in line.strip().split("|")]


@pytest.mark.parametrize("text", cases(SAYS_TWO))
def test_a_choice_is_read_in_any_dress(text):
    assert read_choice(text, 3) == 1


@pytest.mark.parametrize("text", cases(UNREADABLE))
def test_what_names_no_reply_or_several_is_not_read(text):
    assert read_choice(text, 3) is None


def test_ten_is_not_one():
    assert read_choice("Prediction 10", 12) == 9
    assert read_choice("Best: Prediction 10", 9) is None


@pytest.mark.parametrize(
    "asked", ["{}", "Best: {}", "Best: Reply {}", "**Best:** Prediction {}", "Thinking of 1 and 2 ... Best: Reply {}."]
)
@given(data=st.data())
@PROPERTY
def test_any_number_that_was_offered_round_trips(asked, data):
    count = data.draw(st.integers(1, 5000))
    number = data.draw(st.integers(1, count))
    assert read_choice(asked.format(number), count) == number - 1


@given(before=st.text(), number=st.integers(1, 9))
@example(before="Not as good as the second", number=2)
@PROPERTY
def test_the_last_stated_choice_counts_whatever_stands_before_it(before, number):
    assert read_choice(f"{before}\nBest: Reply {number}", 9) == number - 1


@given(text=st.text() | st.text("best: reply 0123456789*#.,-/\n"), count=st.integers(-1, 12), whole=st.booleans())
@example(text="9" * 5000, count=3, whole=True)
@example(text="best" + ":" * 20_000, count=3, whole=True)
@example(text="Best: Reply \ud800\x00", count=3, whole=False)
@PROPERTY
def test_no_text_raises_and_only_what_was_offered_is_read(text, count, whole):
    assert read_choice(text, count, whole) in {None, *range(count)}
    assert read_label(text, whole) in {None, "correct", "incorrect", "abstain"}


@pytest.mark.parametrize("text", ["1. Reply 1 says", "2", "1. Clemens", "I would choose Reply 2"])
def test_of_a_text_that_was_cut_off_only_a_stated_choice_is_read(text):
    assert read_choice(text, 3, whole=False) is None
    assert read_choice(f"Best: Reply 3. {text}", 3, whole=False) == 2


@pytest.mark.parametrize(
    ("text", "label"),
    [
        *((text, "correct") for text in cases("correct|Correct.|CORRECT|**Correct**|It is correct.|Label: correct")),
        *(
            (text, "correct")
            for text in cases('{"label": "correct"}|Not a refusal. Correct.|Wrong? No. Label: correct')
        ),
        *((text, "incorrect") for text in cases("incorrect|Incorrect!|wrong|It is wrong.|not correct|Not correct.")),
        *((text, "incorrect") for text in cases("It isn't correct|isn’t correct|not fully correct|Label: not correct")),
        *((text, "incorrect") for text in cases("This is not the correct answer.|Grade: **INCORRECT**")),
        ("Label:\nwrong", "incorrect"),
        *((text, "abstain") for text in cases("refuse|Refuse.|refused|It refuses.|a refusal|NOT_ATTEMPTED")),
        *((text, "abstain") for text in cases("not attempted|It declines to answer.|abstains|Verdict: refuse")),
    ],
)
def test_a_label_is_read_in_many_words(text, label):
    assert read_label(text) == label


@pytest.mark.parametrize(
    "text",
    cases(
        "|A|B|C|?|correct or incorrect|neither correct nor incorrect|not incorrect|not wrong|partly correct"
        "|cannot be called correct|not only correct|The correct answer is Winkler.|Correct, but it refuses.|correctly"
        "|Label: correct, incorrect or refuse|correct. Label: correct or incorrect|copyright|Winkler"
    ),
)
def test_a_label_that_is_none_or_could_be_two_is_not_read(text):
    assert read_label(text) is None


@pytest.mark.parametrize("word", LABEL_WORDS)
def test_every_word_the_model_chooses_among_is_a_label(word):
    assert read_label(word) == LABELS[word]


@given(before=st.text(), word=st.sampled_from(LABEL_WORDS))
@PROPERTY
def test_the_last_stated_label_counts_whatever_stands_before_it(before, word):
    assert read_label(f"{before}\nLabel: {word}") == LABELS[word]


def test_of_a_text_that_was_cut_off_only_a_stated_label_is_read():
    assert read_label("It is correct in that", whole=False) is None
    assert read_label("Label: correct. It is wrong to", whole=False) == "correct"


def requests(*names, **options):
    return [Request(name, ({"role": "user", "content": name},), "judge", **options) for name in names]


def letter(_, reply):
    return reply.text if reply.text.isalpha() else None


def test_only_what_was_not_understood_is_asked_again(hold):
    script = {"a/0": "x", "b/0": "?", "c/0": "?", "b/1": "y", "c/1": "?", "c/2": "z"}
    inquiry = Inquiry(tries=3)
    found, waves = hold(inquiry.ask(requests("a", "b", "c"), letter), lambda request: script[request.id])
    assert found == ["x", "y", "z"]
    assert [[r.id for r in wave] for wave in waves] == [["a/0", "b/0", "c/0"], ["b/1", "c/1"], ["c/2"]]
    assert inquiry.report() == {"calls": 6, "unread_tries": 3, "unread": 0}


def test_after_so_many_tries_a_reply_is_given_up(hold):
    inquiry = Inquiry(tries=2)
    found, waves = hold(inquiry.ask(requests("a", "b"), letter), lambda r: "x" if r.id.startswith("b") else "?")
    assert found == [None, "x"]
    assert len(waves) == 2
    assert inquiry.report() == {"calls": 3, "unread_tries": 2, "unread": 1}


def test_a_second_try_is_written_freely_with_a_seed_of_its_own(hold):
    """A choice, or a greedy reply, would be the same again: the ledger would not even ask."""
    _, waves = hold(Inquiry(tries=4).ask(requests("a", choices=("1", "2")), letter), lambda _: "?")
    first, *later = [request for [request] in waves]
    assert (first.choices, first.temperature) == (("1", "2"), 0.0)
    assert {(r.choices, r.temperature) for r in later} == {((), 1.0)}
    assert len({r.seed for r in later}) == 3
    assert all(r.messages == first.messages for r in later)


def test_seeds_follow_from_the_seed_and_the_request_alone(hold):
    def seeds(seed, *names):
        waves = hold(Inquiry(seed, tries=2).ask(requests(*names), letter), lambda _: "?")[1]
        return {request.id: request.seed for wave in waves for request in wave}

    assert seeds(0, "a").items() <= seeds(0, "b", "a").items()
    assert not set(seeds(0, "a").values()) & set(seeds(1, "a").values())


def test_a_failed_call_is_not_read(hold):
    found, _ = hold(Inquiry(tries=1).ask(requests("a"), letter), lambda _: Reply("x", "error", error="busy"))
    assert found == [None]


def test_nothing_to_ask_asks_nothing(hold):
    assert hold(Inquiry().ask([], letter)) == ([], [])


@pytest.mark.parametrize("tries", [0, -1])
def test_no_tries_at_all_are_refused(tries):
    with pytest.raises(UserError, match="tries"):
        Inquiry(tries=tries)
