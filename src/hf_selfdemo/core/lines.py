"""Progress in lines instead of a bar: the work, how much of it is done, the rate and the time left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

FIRST_S, EVERY_S = 5.0, 30.0
"""Seconds until the first line, and between lines. Work that ends before the first line prints none."""

_LOOK_S = 1.0
"""Seconds between two checks whether a line is due."""

_LOOKED_BACK = 10
"""The number of last lines over which the rate is computed. Calls found in the ledger come first and are faster."""


class Lines:
    """Prints the progress of one piece of work. `advance` counts, and `tick` prints a line if one is due.

    Args:
        name: the name of the work.
        say: a function that prints a line.
        total: how much there is to do; 0 for work that is not counted.
        clock: a function that returns seconds.
        calls: a function that returns the number of calls made so far. A line names it while no row is finished.

    Example:
        >>> seconds = iter([0.0, 6.0, 6.0])
        >>> lines = Lines("evaluate", print, total=90, clock=lambda: next(seconds))
        >>> lines.advance(3)
        >>> lines.tick()
        evaluate: 3 of 90, 30.0 a minute, about 3 min left
    """

    def __init__(
        self,
        name: str,
        say: Callable[[str], None],
        total: int = 0,
        clock: Callable[[], float] = time.monotonic,
        calls: Callable[[], int] = lambda: 0,
    ) -> None:
        self._name, self._say, self._total, self._clock, self._calls = name, say, total, clock, calls
        self._done, self._note = 0, ""
        self._start = clock()
        self._due = self._start + FIRST_S
        self._marks = deque([(self._start, 0)], maxlen=_LOOKED_BACK)

    def advance(self, rows: int, total: int | None = None, note: str = "", before: int = 0) -> None:
        """Count what was done.

        Args:
            rows: how much was done since the last call.
            total: how much there is to do, if it was not known before.
            note: a text beside the name.
            before: how much an earlier run did. It does not count for the rate.
        """
        self._done += rows + before
        self._total, self._note = self._total if total is None else total, note
        if before:
            self._marks.clear()
            self._marks.append((self._clock(), self._done))

    def tick(self) -> None:
        """Print a line if one is due."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + EVERY_S
        self._say(self._line(now))
        self._marks.append((now, self._done))

    def end(self) -> None:
        """Print how much was done in total, and how long it took."""
        took = self._clock() - self._start
        if self._total and took >= FIRST_S:
            self._say(f"{self._what()} in {duration(took)}")

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """Call `tick` from another thread while the block runs."""
        ended = Event()

        def look() -> None:
            while not ended.wait(_LOOK_S):
                self.tick()

        thread = Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        self.end()

    def _what(self) -> str:
        return f"{f'{self._name} {self._note}'.strip()}: {self._done} of {self._total}"

    def _line(self, now: float) -> str:
        if not self._total:
            return f"{self._name}: {duration(now - self._start)} so far"
        since, before = self._marks[0]
        done = self._done - before
        if not done:
            calls = self._calls()
            so_far = f"; {calls:,} {'call' if calls == 1 else 'calls'} to the model so far" if calls else ""
            return f"{self._what()}, none done for {duration(now - since)}{so_far}"
        seconds = (now - since) / done
        left = duration(seconds * max(self._total - self._done, 0))
        return f"{self._what()}, {_rate(1 / seconds)}, about {left} left"


def duration(seconds: float) -> str:
    """A duration in a suitable unit.

    Example:
        >>> duration(35), duration(200), duration(9000)
        ('35 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def _rate(per_second: float) -> str:
    for seconds, unit in ((1, "second"), (60, "minute")):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.1f} a {unit}"
    return f"{per_second * 3600:.1f} an hour"
