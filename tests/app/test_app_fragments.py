"""Rows as HTML: whatever a text holds, it stays text; what was kept is told with its reason."""

import re
from html.parser import HTMLParser

import pytest

from hf_selfdemo.app import fragments
from hf_selfdemo.app.asking import Told
from hf_selfdemo.app.demonstrations import Demonstrations
from hf_selfdemo.app.replies import Replies
from hf_selfdemo.core.types import Answer, Passage, Usage

from .made_run import HOSTILE

ALLOWED = {
    *("details", "summary", "div", "span", "p", "b", "bdi", "code", "ul", "ol", "li", "mark", "section", "h1", "h3"),
}


def told(text, *trace, **cost):
    """An answer with what was written on the way and what it cost."""
    return Told(Answer(text, trace=trace), Usage(**cost))


class Seen(HTMLParser):
    """Tags, attributes and text of a fragment."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = [], set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def fragments_of_hostile_texts(run):
    demonstrations, replies = Demonstrations(run / "demonstrations"), Replies(run / "evaluation")
    passages = [Passage("1", HOSTILE, HOSTILE)]
    yield_all = [
        fragments.demonstration(demonstrations.row(0)),
        fragments.comparison(replies.find("rag", "tuned")[0], HOSTILE, HOSTILE),
        fragments.answers(HOSTILE, passages, {HOSTILE: told(HOSTILE, (HOSTILE, HOSTILE))}, HOSTILE, HOSTILE),
        fragments.answers(HOSTILE, passages, {HOSTILE: told(HOSTILE)}),
        fragments.notice(HOSTILE, alert=True),
        fragments.heading(HOSTILE),
        fragments.about(HOSTILE),
        fragments.place(HOSTILE),
        fragments.made({"model": {"name": HOSTILE}, "selection": {"judge": HOSTILE}}, {"answer": 1}),
    ]
    return yield_all


def test_hostile_texts_stay_text(fragments_of_hostile_texts):
    for html in fragments_of_hostile_texts:
        seen = Seen(html)
        assert set(seen.tags) <= ALLOWED, html
        assert seen.attributes <= {"class", "dir", "role", "aria-label", "aria-live"}, html
        assert "<img src=x onerror=" in seen.text and "**bold**" in seen.text, "what was said can be read"
        assert "\u202e" not in html and "⟨U+202E⟩" in html


def test_tags_are_closed(fragments_of_hostile_texts):
    for html in fragments_of_hostile_texts:
        for tag in ALLOWED:
            assert len(re.findall(f"<{tag}[ >]", html)) == html.count(f"</{tag}>"), (tag, html)


def test_an_answer_is_marked_where_it_stands_and_the_kept_candidate_comes_first(run):
    demonstrations = Demonstrations(run / "demonstrations")
    html = fragments.demonstration(demonstrations.row(demonstrations.find("q3 builder3", "answer")[0]))
    assert "<mark>Builder3</mark>" in html
    assert html.index("class=kept") < html.index("asked to abstain") and html.count("class=kept") == 1
    assert "It was found correct." in html and "1903" in html


def test_a_skipped_row_says_why(run):
    demonstrations = Demonstrations(run / "demonstrations")
    row = demonstrations.row(demonstrations.find(outcome="skipped")[0])
    html = fragments.demonstration(row | {"detail": "after five tries"})
    assert "Skipped." in html and f"{row['skipped']}: after five tries" in html and "class=kept" not in html


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"outcome": "abstain", "answer_in_context": True}, "It abstains, and the passages contain the answer."),
        ({"outcome": "abstain", "answer_in_context": False}, "the passages do not contain the answer."),
        ({"source": "gold"}, "It is the gold answer itself."),
        ({"verified": False}, "It was not found correct."),
    ],
)
def test_why_a_reply_was_kept(run, changed, why):
    demonstrations = Demonstrations(run / "demonstrations")
    row = demonstrations.row(demonstrations.find(outcome="answer")[0]) | changed
    assert why in fragments.demonstration(row)


def test_the_winner_of_a_tournament_is_told_with_the_judges_words(run):
    demonstrations = Demonstrations(run / "demonstrations")
    row = demonstrations.row(demonstrations.find(outcome="answer")[0])
    candidates = [c | {"place": i + 1, "reason": f"reason <{i}>"} for i, c in enumerate(row["candidates"])]
    html = fragments.demonstration(row | {"candidates": candidates})
    assert "It won the tournament and was found correct." in html and "place 2" in html
    assert "reason &lt;0&gt;" in html


def test_an_accepted_answer_labels_and_marks_replies():
    replies = {"base": told("I don't know."), "tuned": told("In Poland.", prompt_tokens=1234, generated_tokens=3)}
    html = fragments.answers("Where?", [Passage("1", "Poland and Spain.")], replies, "Poland")
    assert re.findall(r'chip (\w+)"', html) == ["abstain", "correct"]
    assert html.count("<mark>Poland</mark>") == 2 and "1,234 tokens read, 3 written" in html
    html = fragments.answers("Where?", [Passage("1", "Poland and Spain.")], {"tuned": told("In Spain.")})
    assert "chip" not in html and "<mark>Spain</mark>" in html


def test_what_is_still_to_come_is_told():
    assert "tuned is asked" in fragments.answers("Where?", None, {}, waiting="tuned is asked")
    assert "Asked without passages." in fragments.answers("Where?", None, {})
    assert "none was shown" in fragments.answers("Where?", (), {})


def test_what_was_written_on_the_way_can_be_unfolded():
    html = fragments.answers(
        "Where?", None, {"many": told("Poland.", ("thought", "In <b>Spain</b>."), ("note", ""), calls=9)}
    )
    assert "<summary>Intermediate replies</summary>" in html and "9 calls, 0 tokens read" in html
    assert "<b>thought</b>: " in html and "In &lt;b&gt;Spain&lt;/b&gt;." in html and "(nothing)" in html
    assert "on the way" not in fragments.answers("Where?", None, {"one": told("Poland.", calls=1)})
