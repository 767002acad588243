"""Runs the dialogues of many rows at once, so that a generator can batch requests and share prefixes.

A window of rows is in flight at a time. All calls of a question come close together, while the generator still has the
states of their shared passages.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from itertools import islice
from typing import Generic, TypeVar

from hf_selfdemo.core.errors import CallFailed
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Dialogue, Reply, Request

T = TypeVar("T")


def ask(generator: Generator, requests: Sequence[Request]) -> list[Reply]:
    """All replies, in the order of the requests.

    Example:
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> ask(ScriptedGenerator(), [Request("1", ({"role": "user", "content": "hello"},), "rag")])[0].text
        'HELLO'
    """
    replies = dict(generator.stream(requests)) if requests else {}
    return [replies[i] for i in range(len(requests))]


def converse(dialogues: Iterable[Dialogue[T]], generator: Generator, window: int = 16) -> Iterator[T]:
    """Run dialogues with the model, `window` at a time, and yield their results in order.

    A generator that batches gets the requests of all dialogues in flight in one call, whatever stage each has reached.
    A finished dialogue makes room for the next one. A generator that is called from threads gets one dialogue per
    thread, at least `concurrency` of them, and no dialogue waits for another.

    Args:
        dialogues: the dialogues. They may come from a Python generator, since each is taken only when there is room.
        generator: the generator that replies.
        window: the number of dialogues in flight.

    Raises:
        UserError: if `window` < 1.
        CallFailed: if a call failed. It is thrown into the dialogue, which may catch it. For requests with `openings`
            or `avoid`, which not every generator supports, the dialogue gets the error as a reply instead.

    Example:
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> def shout(word):
        ...     [reply] = yield [Request(word, ({"role": "user", "content": word},), "rag")]
        ...     return reply.text + "!"
        >>> list(converse(map(shout, ["one", "two"]), ScriptedGenerator()))
        ['ONE!', 'TWO!']
    """
    ONE_OR_MORE.check(window=window)  # with 0, no dialogue would run, and all rows would be lost silently
    if generator.concurrency > 1:
        return _in_threads(iter(dialogues), generator, max(window, generator.concurrency))
    return _in_waves(iter(dialogues), generator, window)


class _Row(Generic[T]):
    """A dialogue in flight and the requests whose replies it waits for. `result` has its result once it is finished."""

    def __init__(self, dialogue: Dialogue[T]) -> None:
        self.dialogue = dialogue
        self.requests: Sequence[Request] = ()
        self.result: list[T] = []
        self.go_on(None)

    def go_on(self, replies: list[Reply] | None) -> None:
        try:
            failed = next((r for r in self._needed(replies or ()) if r.finish_reason == "error"), None)
            if failed:
                self.requests = self.dialogue.throw(CallFailed(failed.error))
            elif replies is None:
                self.requests = next(self.dialogue)
            else:
                self.requests = self.dialogue.send(replies)
        except StopIteration as end:
            self.requests = ()
            self.result.append(end.value)

    def _needed(self, replies: Sequence[Reply]) -> list[Reply]:
        """The replies that the dialogue needs. Replies to requests with openings or texts to avoid are optional."""
        each = zip(self.requests, replies, strict=False)
        return [reply for request, reply in each if not (request.openings or request.avoid)]


def _in_waves(dialogues: Iterator[Dialogue[T]], generator: Generator, window: int) -> Iterator[T]:
    rows: deque[_Row[T]] = deque()  # in order; a finished row waits for the rows before it
    while True:
        live = [row for row in rows if not row.result]
        entering = [_Row(dialogue) for dialogue in islice(dialogues, window - len(live))]
        rows.extend(entering)
        if not rows:
            return
        while rows and rows[0].result:
            yield rows.popleft().result[0]
        live += [row for row in entering if not row.result]
        replies = iter(ask(generator, [request for row in live for request in row.requests]))
        for row in live:
            row.go_on([next(replies) for _ in row.requests])


def _in_threads(dialogues: Iterator[Dialogue[T]], generator: Generator, window: int) -> Iterator[T]:
    stopped = threading.Event()

    def drive(dialogue: Dialogue[T]) -> T:
        row = _Row(dialogue)
        while not row.result:
            if stopped.is_set():
                raise CancelledError
            row.go_on(ask(generator, row.requests))
        return row.result[0]

    pool = ThreadPoolExecutor(window, thread_name_prefix="dialogue")
    running: deque[Future[T]] = deque()
    try:
        for dialogue in dialogues:
            running.append(pool.submit(drive, dialogue))
            if len(running) >= 2 * window:  # a slow row delays the results after it, but other rows keep running
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        stopped.set()  # the other dialogues stop before their next call
        pool.shutdown(wait=True, cancel_futures=True)
