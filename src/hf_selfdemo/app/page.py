"""The page, its tabs and their events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import gradio as gr

from hf_selfdemo.app import fragments
from hf_selfdemo.app.asking import (
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    LONGEST_TYPED,
    MOST_PASSAGES,
    Asking,
    Told,
    checked_question,
    typed_passages,
)
from hf_selfdemo.app.demonstrations import SKIPPED, Demonstrations
from hf_selfdemo.app.listing import listing
from hf_selfdemo.app.replies import CHANGED, Replies
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage
from hf_selfdemo.evaluation.report.words import LABEL_NAMES, MODE_NAMES

T = TypeVar("T")

logger = logging.getLogger(__name__)

_LONGEST_SEARCH = 200
CORPUS, TYPED, NONE = "corpus", "typed", "none"
"""The sources of the passages for the user's own question."""

Choices = list[tuple[str, str]]
"""The choices of a filter: the text shown, and the value."""


def page(
    title: str, demonstrations: Demonstrations | UserError, replies: Replies | UserError, asking: Asking | UserError
) -> gr.Blocks:
    """Make the page of a run. Each part is an object, or the error that explains why it is missing.

    Args:
        title: heading of the page.
        demonstrations: the demonstrations to browse.
        replies: the replies to compare.
        asking: the models to ask.
    """
    with gr.Blocks(title=title, analytics_enabled=False) as made:
        gr.HTML(fragments.heading(title), elem_id="heading", apply_default_css=False)
        with gr.Tabs():
            _tab("Demonstrations", demonstrations, _demonstrations)
            _tab("Compare", replies, _compare)
            _tab("Ask", asking, _ask)
    return made


def _tab(name: str, part: T | UserError, build: Callable[[T], None]) -> None:
    with gr.Tab(name, id=name.lower()):
        if isinstance(part, UserError):
            gr.HTML(fragments.notice(part), apply_default_css=False)
        else:
            build(part)


def _demonstrations(demonstrations: Demonstrations) -> None:
    manifest = demonstrations.manifest
    gr.HTML(fragments.made(manifest, demonstrations.outcomes), apply_default_css=False)
    unverified = demonstrations.unverified
    verified = len(demonstrations.sources) and sum(demonstrations.sources.values()) - unverified
    with gr.Row(elem_classes="filters"):
        filters = [
            _search(),
            _dropdown("Outcome", _outcome_choices(demonstrations)),
            _dropdown("Kept reply written", _counted("any way", demonstrations.sources, fragments.SOURCE_NAMES)),
            _dropdown("Found correct", _counted("either", {"yes": verified, "no": unverified}, {})),
        ]
    listing(
        "demonstrations",
        filters,
        demonstrations.find,
        lambda place, *_: fragments.demonstration(demonstrations.row(place)),
    )


def _compare(replies: Replies) -> None:
    modes: Choices = [(MODE_NAMES[mode], mode) for mode in replies.modes]
    gr.HTML(fragments.about(replies.title), apply_default_css=False)
    with gr.Row(elem_classes="filters"):
        search = _search()
        asked = gr.Dropdown(modes, value=replies.modes[0], label="Asked", interactive=len(modes) > 1, min_width=150)
        other = gr.Dropdown(
            replies.others,
            value=replies.others[0],
            label=f"{replies.first} compared with",
            visible=len(replies.others) > 1,
            min_width=150,
        )
        change = _dropdown("Outcome", _change_choices(replies))
    listing(
        "replies",
        [asked, other, change, search],
        replies.find,
        lambda pair, mode, column, *_: fragments.comparison(pair, replies.first, column),
    )


def _ask(asking: Asking) -> None:
    sources: Choices = [("from the corpus", CORPUS)] if asking.can_search else []
    sources += [("my own", TYPED), ("none", NONE)]
    question = gr.Textbox(
        "", label="Question", placeholder="Ask anything", max_length=LONGEST_QUESTION, elem_id="question"
    )
    source = gr.Radio(sources, value=sources[0][1], label="Passages")
    count = gr.Slider(
        1, MOST_PASSAGES, value=asking.passages, step=1, label="How many", visible=asking.can_search, buttons=[]
    )
    typed = gr.Textbox(
        "",
        label="My passages, separated by an empty line",
        lines=5,
        max_lines=12,
        max_length=LONGEST_TYPED,
        visible=not asking.can_search,
    )
    with gr.Accordion("A gold answer, if you have one", open=False):
        accepted = gr.Textbox(
            "",
            label="Gold answer",
            info="It labels the replies, and is marked in the passages.",
            max_length=LONGEST_ANSWER,
        )
    button = gr.Button("Ask", variant="primary")
    answers = gr.HTML(elem_id="answers", apply_default_css=False)
    source.change(
        lambda chosen: (gr.Slider(visible=chosen == CORPUS), gr.Textbox(visible=chosen == TYPED)),
        source,
        [count, typed],
        show_progress="hidden",
        api_visibility="private",
    )

    def reply(question: str, source: str, count: int, typed: str, accepted: str) -> Iterator[str]:
        yield from _answered(asking, question, source, int(count), typed, accepted)

    gr.on(
        [question.submit, button.click],
        reply,
        [question, source, count, typed, accepted],
        answers,
        api_name="ask",
        concurrency_limit=1,
        show_progress="hidden",
        trigger_mode="once",
    )


def _answered(asking: Asking, question: str, source: str, count: int, typed: str, accepted: str) -> Iterator[str]:
    """Yield what is shown while a question is answered, and the result. An error becomes one line."""
    replies: dict[str, Told] = {}
    try:
        asked, accepted = checked_question(question), accepted.strip()[:LONGEST_ANSWER]
        yield fragments.notice("Searching passages")
        passages = _shown(asking, asked, source, count, typed)
        waiting = [f"Asking {name}. The first question takes longest" for name in asking.names]
        yield fragments.answers(asked, passages, replies, accepted, waiting[0])
        for name, reply in asking.ask(asked, passages):
            replies[name] = reply
            yield fragments.answers(asked, passages, replies, accepted, "".join(waiting[len(replies) :][:1]))
    except UserError as error:
        yield fragments.notice(error, alert=True)
    except Exception as error:  # the browser gets no details, which are in the log
        logger.exception("a question could not be answered")
        yield fragments.notice(f"The question failed ({type(error).__name__}): ask it again", alert=True)


def _shown(asking: Asking, question: str, source: str, count: int, typed: str) -> tuple[Passage, ...] | None:
    if source == NONE:
        return None
    return asking.search(question, count) if source == CORPUS else typed_passages(typed, asking.max_passage_words)


def _search() -> gr.Textbox:
    return gr.Textbox("", label="Search", placeholder="words to search for", max_length=_LONGEST_SEARCH, min_width=200)


def _dropdown(label: str, choices: Choices) -> gr.Dropdown:
    """A filter, hidden if it has only one choice."""
    return gr.Dropdown(choices, value="", label=label, visible=len(choices) > 2, min_width=150)


def _counted(anything: str, counts: dict[str, int], names: dict[str, str]) -> Choices:
    return [(anything, ""), *((f"{names.get(key, key)} ({n:,})", key) for key, n in counts.items() if n)]


def _outcome_choices(demonstrations: Demonstrations) -> Choices:
    outcomes = demonstrations.outcomes
    skipped = {key: n for key, n in outcomes.items() if key.startswith(SKIPPED)}
    kept = {key: n for key, n in outcomes.items() if key not in skipped}
    names = {"answer": "answers", "abstain": "abstentions"}
    together = {SKIPPED: sum(skipped.values())} if skipped else {}
    return _counted("all rows", kept | together | (skipped if len(skipped) > 1 else {}), names)


def _change_choices(replies: Replies) -> Choices:
    """All kinds of change, the same for all modes and models: first the changes, then what stayed the same."""
    kinds = sorted(replies.kinds, key=lambda kind: (kind[0] == kind[1], *map(list(LABEL_NAMES).index, kind)))
    changes = [(_change_name(kind), " ".join(kind)) for kind in kinds]
    return [("all rows", ""), ("all that changed", CHANGED), *changes]


def _change_name(pair: Sequence[str]) -> str:
    before, after = (LABEL_NAMES.get(label, label) for label in pair)
    return f"{before} → {after}" if before != after else f"{before} both times"
