"""What a row of the tables took, as the records of its runs tell it."""

from __future__ import annotations

from collections.abc import Callable

from records import NOT_ASKED, Record

from hf_selfdemo.evaluation.evaluated import AT_POINT


def _target_nats(record: Record) -> float | None:
    """Of the targets under the base model: measured by training on its own rows, or else with the demonstrations."""
    measured = record.get("training", {}).get("on_policy", {}).get("base", {}).get("on_policy/chosen")
    made: float | None = record.get("demonstrations", {}).get("on_policy", {}).get("target_nll_per_token")
    return made if measured is None else measured


def _usage(record: Record) -> dict[str, int]:
    found: dict[str, int] = record.get("demonstrations", {}).get("usage", {})
    return found


def _a_reply(record: Record, *kinds: str) -> float | None:
    """Calls, or one kind of tokens less another, that a reply to the test rows took, with passages or without."""
    test = record["evaluations"].get("test", {})
    used, own = test.get("usage", {}), [text for mode, text in test.get("labels", {}).items() if AT_POINT not in mode]
    replies = sum(len(text) - text.count(NOT_ASKED) for text in own)
    if not used or not replies:
        return None
    return float(used[kinds[0]] - sum(used[kind] for kind in kinds[1:])) / replies


def _a_question(record: Record, mode: str, *kinds: str) -> float | None:
    """Calls, or kinds of tokens added up, that an answer to a test question took.

    Cached tokens count: which ones are cached depends on what was asked before.
    """
    asked = record["evaluations"].get("test", {}).get("asking", {}).get(mode)
    return float(sum(asked[kind] for kind in kinds)) / asked["questions"] if asked else None


ANSWERING: dict[str, tuple[Callable[[Record, str], float | None], int]] = {
    "calls a question": (lambda r, mode: _a_question(r, mode, "calls"), 1),
    "tokens a question": (lambda r, mode: _a_question(r, mode, "prompt_tokens", "generated_tokens"), 0),
}
"""What an answer took in a mode, by the column's name; and its digits. Signals count at a point alone."""


def _data_tokens(record: Record) -> float | None:
    used = _usage(record)
    return used["prompt_tokens"] + used["generated_tokens"] if used else None


MAKING: dict[str, tuple[Callable[[Record], float | None], int]] = {
    "calls for data": (lambda r: _usage(r).get("calls"), 0),
    "tokens for data": (_data_tokens, 0),
    "tokens trained on": (lambda r: r.get("training", {}).get("tokens"), 0),
    "seconds of training": (lambda r: r.get("training", {}).get("seconds"), 0),
}
"""What a row took before it answered, in short."""

COSTS: dict[str, tuple[Callable[[Record], float | None], int]] = {
    "targets, nats a token": (_target_nats, 2),
    "rows trained": (lambda r: r.get("training", {}).get("rows"), 0),
    "tokens trained on": (lambda r: r.get("training", {}).get("tokens"), 0),
    "calls made for it": (lambda r: _usage(r).get("calls"), 0),
    "tokens written for it": (lambda r: _usage(r).get("generated_tokens"), 0),
    "and read": (lambda r: _usage(r)["prompt_tokens"] - _usage(r)["cached_tokens"] if _usage(r) else None, 0),
    "calls a reply": (lambda r: _a_reply(r, "calls"), 1),
    "tokens read a reply": (lambda r: _a_reply(r, "prompt_tokens", "cached_tokens"), 0),
}
"""What a row took, by the column's name; and its digits."""
