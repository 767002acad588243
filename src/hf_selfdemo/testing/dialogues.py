"""Holding a dialogue with replies that a test makes up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hf_selfdemo.core.types import Dialogue, Reply, Request

R = TypeVar("R")


def held(dialogue: Dialogue[R], reply: Callable[[Request], Reply]) -> tuple[R, list[Request]]:
    """The result of a dialogue, and every request made.

    Args:
        dialogue: of a strategy or an answerer.
        reply: to each request.
    """
    requests: list[Request] = []
    try:
        asked = next(dialogue)
        while True:
            requests += asked
            asked = dialogue.send([reply(request) for request in asked])
    except StopIteration as end:
        return end.value, requests
