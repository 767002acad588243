"""Runs dialogues with replies that a test makes up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hf_selfdemo.core.types import Dialogue, Reply, Request

R = TypeVar("R")


def held(dialogue: Dialogue[R], reply: Callable[[Request], Reply]) -> tuple[R, list[Request]]:
    """Run a dialogue. Returns its result and all requests.

    Args:
        dialogue: the dialogue of a strategy or an answerer.
        reply: a function that returns the reply to a request.
    """
    requests: list[Request] = []
    try:
        asked = next(dialogue)
        while True:
            requests += asked
            asked = dialogue.send([reply(request) for request in asked])
    except StopIteration as end:
        return end.value, requests
