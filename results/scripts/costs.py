"""The costs of a row of the tables, from the records of its runs."""

from __future__ import annotations

from collections.abc import Callable

from records import NOT_ASKED, Record

from hf_selfdemo.evaluation.evaluated import AT_POINT


def _target_nats(record: Record) -> float | None:
    """Mean token NLL of the targets under the base model, as measured by `train` or else by `demonstrate`."""
    measured = record.get("training", {}).get("on_policy", {}).get("base", {}).get("on_policy/chosen")
    made: float | None = record.get("demonstrations", {}).get("on_policy", {}).get("target_nll_per_token")
    return made if measured is None else measured


def _usage(record: Record) -> dict[str, int]:
    found: dict[str, int] = record.get("demonstrations", {}).get("usage", {})
    return found


def _a_reply(record: Record, *kinds: str) -> float | None:
    """The count of the first kind minus those of the others, per reply to a test row, with or without passages."""
    test = record["evaluations"].get("test", {})
    used, own = test.get("usage", {}), [text for mode, text in test.get("labels", {}).items() if AT_POINT not in mode]
    replies = sum(len(text) - text.count(NOT_ASKED) for text in own)
    if not used or not replies:
        return None
    return float(used[kinds[0]] - sum(used[kind] for kind in kinds[1:])) / replies


def _a_question(record: Record, mode: str, *kinds: str) -> float | None:
    """The sum of the counts of all kinds, per answer to a test question.

    Cached tokens count, too, because what is cached depends on the earlier calls.
    """
    asked = record["evaluations"].get("test", {}).get("asking", {}).get(mode)
    return float(sum(asked[kind] for kind in kinds)) / asked["questions"] if asked else None


ANSWERING: dict[str, tuple[Callable[[Record, str], float | None], int]] = {
    "calls per question": (lambda r, mode: _a_question(r, mode, "calls"), 1),
    "tokens per question": (lambda r, mode: _a_question(r, mode, "prompt_tokens", "generated_tokens"), 0),
}
"""The cost of an answer in a mode, by column heading, and its decimal places. Only a point includes signal calls."""


def _data_tokens(record: Record) -> float | None:
    used = _usage(record)
    return used["prompt_tokens"] + used["generated_tokens"] if used else None


MAKING: dict[str, tuple[Callable[[Record], float | None], int]] = {
    "calls for data": (lambda r: _usage(r).get("calls"), 0),
    "tokens for data": (_data_tokens, 0),
    "training tokens": (lambda r: r.get("training", {}).get("tokens"), 0),
    "training seconds": (lambda r: r.get("training", {}).get("seconds"), 0),
}
"""The main costs of a row before it answers, by column heading, and their decimal places."""

COSTS: dict[str, tuple[Callable[[Record], float | None], int]] = {
    "nats per target token": (_target_nats, 2),
    "training rows": (lambda r: r.get("training", {}).get("rows"), 0),
    "training tokens": (lambda r: r.get("training", {}).get("tokens"), 0),
    "calls for data": (lambda r: _usage(r).get("calls"), 0),
    "generated tokens for data": (lambda r: _usage(r).get("generated_tokens"), 0),
    "uncached prompt tokens for data": (
        lambda r: _usage(r)["prompt_tokens"] - _usage(r)["cached_tokens"] if _usage(r) else None,
        0,
    ),
    "calls per reply": (lambda r: _a_reply(r, "calls"), 1),
    "uncached prompt tokens per reply": (lambda r: _a_reply(r, "prompt_tokens", "cached_tokens"), 0),
}
"""All costs of a row, by column heading, and their decimal places."""
