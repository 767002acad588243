"""Asks a judging model until its verdict can be read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Dialogue, Reply, Request

T = TypeVar("T")


class Inquiry:
    """Asks until a reply can be read, and counts the calls. Threads may share one.

    The first try is the request as it is. Later tries are free text at temperature 1 with a new seed, because the same
    request would get the same reply.

    Args:
        seed: seed of all sampling.
        tries: the most times that a request is made.

    Raises:
        UserError: if `tries` is below 1.

    Example:
        >>> from hf_selfdemo.judging.verdicts import read_label
        >>> inquiry = Inquiry(tries=2)
        >>> asking = inquiry.ask([Request("q1", (), "judge")], lambda i, reply: read_label(reply.text))
        >>> [request.id for request in next(asking)]
        ['q1/0']
        >>> [request.temperature for request in asking.send([Reply("Hmm.")])]
        [1.0]
    """

    def __init__(self, seed: int = 0, tries: int = 5) -> None:
        ONE_OR_MORE.check(tries=tries)
        self.seed = seed
        self.tries = tries
        self._counts = {"calls": 0, "unread_tries": 0, "unread": 0}
        self._lock = threading.Lock()

    def ask(self, requests: Sequence[Request], read: Callable[[int, Reply], T | None]) -> Dialogue[list[T | None]]:
        """Ask all requests, and return what was read from each reply; None if every try failed.

        Args:
            requests: the requests. All are sent together, and later all whose replies could not be read.
            read: a function from the index of a request and its reply to what the reply says; None if it cannot be
                read.
        """
        found: list[T | None] = [None] * len(requests)
        unread = list(range(len(requests)))
        for attempt in range(self.tries):
            if not unread:
                break
            replies = yield [self._attempt(requests[i], attempt) for i in unread]
            for i, reply in zip(unread, replies, strict=True):
                found[i] = None if reply.finish_reason == "error" else read(i, reply)
            asked, unread = len(unread), [i for i in unread if found[i] is None]
            self._count(calls=asked, unread_tries=len(unread))
        self._count(unread=len(unread))
        return found

    def report(self) -> dict[str, int]:
        """The numbers of calls, of calls whose reply could not be read, and of requests that were given up."""
        with self._lock:
            return dict(self._counts)

    def _attempt(self, request: Request, attempt: int) -> Request:
        identifier = f"{request.id}/{attempt}"
        fresh = replace(request, id=identifier, seed=stable_seed(self.seed, identifier))
        return replace(fresh, choices=(), temperature=1.0) if attempt else fresh

    def _count(self, **counts: int) -> None:
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count
