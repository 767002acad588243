"""Rows and replies as HTML. They are untrusted text, so every value is escaped and none is read as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from hf_selfdemo.app.asking import Told, told_words
from hf_selfdemo.app.demonstrations import SKIPPED
from hf_selfdemo.app.replies import Pair
from hf_selfdemo.core.control_characters import shown
from hf_selfdemo.core.types import Passage
from hf_selfdemo.data.rows import rejected_of
from hf_selfdemo.evaluation.report.highlight import segments
from hf_selfdemo.evaluation.report.words import LABEL_NAMES
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.scoring.refusal import is_refusal

_TEMPLATES = Path(__file__).parent / "templates"
_LONGEST = 4000
"""Maximum number of characters shown of a text."""

SOURCE_NAMES = {
    "rag": "with the passages",
    "closed_book": "without passages",
    "refusal": "asked to abstain",
    "gold": "gold answer",
}
"""How a candidate was written."""

OUTCOME_NAMES = {"answer": "answer", "abstain": "abstention", SKIPPED: "skipped"}


def demonstration(row: Mapping[str, Any]) -> str:
    """One row of `candidates.jsonl`: question, passages, candidates, and which one was kept and why.

    Args:
        row: from `Demonstrations.row`.

    Example:
        >>> row = {"id": "q1", "question": "<b>Who?</b>", "answers": [], "passages": [], "candidates": []}
        >>> row |= {"skipped": "no", "detail": "", "answer_in_context": False, "gold_removed": False, "rejected": []}
        >>> "&lt;b&gt;Who?&lt;/b&gt;" in demonstration(row)
        True
    """
    outcome = SKIPPED if row["skipped"] else row["outcome"]
    candidates, kept = list(row["candidates"]), None
    if outcome != SKIPPED:
        mine = (i for i, c in enumerate(candidates) if (c["text"], c["source"]) == (row["response"], row["source"]))
        kept = next(mine, None)
    order = sorted(range(len(candidates)), key=lambda i: (i != kept, candidates[i]["place"] or len(candidates)))
    return _fill(
        "demonstration.html",
        row=row,
        outcome=outcome,
        why=_why(row, outcome),
        kept=kept,
        candidates=[(i, candidates[i]) for i in order],
        passages=_passages([Passage(**p) for p in row["passages"]], row["answers"], row["question"]),
        answers=row["answers"],
        rejected=[one.text for one in rejected_of(row)],
    )


def comparison(pair: Pair, first: str, other: str) -> str:
    """One test row with the replies of two models.

    Args:
        pair: from `Replies.find`.
        first: name of the model of `pair.before`.
        other: name of the model of `pair.after`.
    """
    question = pair.evidence.question
    with_passages = pair.before.mode == "rag"
    return _fill(
        "comparison.html",
        evidence=pair.evidence,
        change=pair.change,
        with_passages=with_passages,
        said=[
            (name, p.label, _pieces(p.text, question.answers), _trace(p.trace))
            for name, p in _named(pair, first, other)
        ],
        passages=_passages(pair.evidence.passages if with_passages else (), question.answers, question.text),
        answers=question.answers,
    )


def answers(
    question: str,
    passages: Sequence[Passage] | None,
    replies: Mapping[str, Told],
    accepted: str = "",
    waiting: str = "",
) -> str:
    """The replies of the models to the user's own question.

    Args:
        question: the question.
        passages: the passages shown; None if the question was asked without passages.
        replies: the replies so far, by the name of the model.
        accepted: a gold answer, which labels the replies and is marked in the passages. Without one, the words of the
            replies that are not in the question are marked.
        waiting: a text about the next reply, if one is coming.
    """
    known = [accepted] if accepted else []
    marked = known or told_words([reply.text for reply in replies.values()], question)
    return _fill(
        "answers.html",
        replies=[
            (name, _label(told.text, known, question), told, _pieces(told.text, known), _trace(told.answer.trace))
            for name, told in replies.items()
        ],
        passages=None if passages is None else _passages(passages, marked, question if known else None),
        accepted=accepted,
        waiting=waiting,
    )


def _trace(steps: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The intermediate replies, shortened."""
    return [(name, text[:_LONGEST]) for name, text in steps]


def notice(text: object, alert: bool = False) -> str:
    """One line for the reader. Screen readers read an alert at once.

    Example:
        >>> print(notice("a < b"))
        <p class="notice">a &lt; b</p>
    """
    return _fill("notice.html", text=" ".join(str(text).split()), alert=alert)


def heading(title: str) -> str:
    """The heading of the page."""
    return _fill("heading.html", title=title)


def about(text: str) -> str:
    """The line that says which replies are compared."""
    return _fill("about.html", text=text)


def made(manifest: Mapping[str, Any], outcomes: Mapping[str, int]) -> str:
    """A summary of the demonstrations.

    Args:
        manifest: the manifest of the demonstrations.
        outcomes: number of rows by outcome.
    """
    kept = {kind: outcomes.get(kind, 0) for kind in ("answer", "abstain")}
    return _fill(
        "made.html",
        rows=sum(outcomes.values()),
        answers=kept["answer"],
        abstentions=kept["abstain"],
        skipped=sum(outcomes.values()) - sum(kept.values()),
        model=manifest.get("model", {}).get("name", ""),
        judge=manifest.get("selection", {}).get("judge", ""),
    )


def place(text: str) -> str:
    """The line that says which part of a list is shown."""
    return _fill("place.html", text=text)


def joined(rows: Sequence[str], nothing: str = "No row matches.") -> str:
    """The rows below each other, or a notice that there are none."""
    return "\n".join(rows) if rows else notice(nothing)


def _named(pair: Pair, first: str, other: str) -> list[tuple[str, Any]]:
    return [(first, pair.before), (other, pair.after)]


def _label(text: str, known: Sequence[str], question: str) -> str:
    """The label of a reply; "" if it does not abstain and there is no gold answer."""
    if known:
        return AnswerMatchJudge().label(text, known, question).label
    return "abstain" if is_refusal(text, question) else ""


def _why(row: Mapping[str, Any], outcome: str) -> str:
    """The reason for the outcome of a row, in a sentence."""
    if outcome == SKIPPED:
        return ": ".join(filter(None, (row["skipped"], row["detail"])))
    if outcome == "abstain":
        held = "contain" if row["answer_in_context"] else "do not contain"
        return f"It abstains, and the passages {held} the answer."
    won = any(c["place"] == 1 for c in row["candidates"])
    right = "was found correct" if row["verified"] else "was not found correct"
    if row["source"] == "gold":
        return "It is the gold answer itself."
    return f"It won the tournament and {right}." if won else f"It {right}."


def _pieces(text: str, known: Sequence[str], question: str | None = None) -> list[tuple[str, bool]]:
    return segments(text, known, _LONGEST, question)


def _passages(passages: Sequence[Passage], known: Sequence[str], question: str | None) -> list[dict[str, Any]]:
    """Passages with their marked parts: answers if the question is given, otherwise words."""
    found = []
    for passage in passages:
        title, text = _pieces(passage.title, known, question), _pieces(passage.text, known, question)
        marked = any(hit for _, hit in [*title, *text])
        hit = marked if question is None else holds_answer(passage, known, question)
        found.append({"title": title, "text": text, "hit": hit})
    return found


def _fill(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values).strip()


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=lambda value: shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"labels": LABEL_NAMES, "sources": SOURCE_NAMES, "outcomes": OUTCOME_NAMES}
    environment.filters["count"] = "{:,}".format
    return environment
