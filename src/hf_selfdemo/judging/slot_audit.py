"""Counts the positions, lengths and sources of a judge's picks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any


class SlotAudit:
    """Counts what should not affect a judge: the position and the length of its picks, and the source of the winner.

    Verdicts alone do not reveal a judge that always picks the first candidate; these counts do. Threads may share one.

    Example:
        >>> audit = SlotAudit()
        >>> audit.picked(0, [12, 3, 7])
        >>> audit.report()["picked_by_position"]
        {'of_3': {'1': 1, '2': 0, '3': 0}}
        >>> audit.report()["picked_by_length"]
        {'of_3': {'shortest': 0, '2': 0, 'longest': 1}}
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._matches = self._unread = 0
        self._positions: Counter[tuple[int, int]] = Counter()
        self._lengths: Counter[tuple[int, int]] = Counter()
        self._won: Counter[str] = Counter()
        self._offered: Counter[str] = Counter()

    def played(self, matches: int, unread: int) -> None:
        """Count the matches of a round, and how many of them were not decided."""
        with self._lock:
            self._matches += matches
            self._unread += unread

    def picked(self, position: int, lengths: Sequence[int]) -> None:
        """Count one pick, by its position, from 0, and the lengths of all shown candidates, in the order shown."""
        by_length = sorted(range(len(lengths)), key=lengths.__getitem__)
        with self._lock:
            self._positions[len(lengths), position] += 1
            self._lengths[len(lengths), by_length.index(position)] += 1

    def won(self, source: str, offered: Sequence[str]) -> None:
        """Count a decided row: the source of the winner, and the sources of all candidates that played."""
        with self._lock:
            self._won[source] += 1
            self._offered.update(offered)

    def report(self) -> dict[str, Any]:
        """All counts, by size of the match or by source, including zeros."""
        with self._lock:
            sizes = sorted({size for size, _ in self._positions})
            return {
                "matches": self._matches,
                "unread_matches": self._unread,
                "picked_by_position": {f"of_{n}": {str(i + 1): self._positions[n, i] for i in range(n)} for n in sizes},
                "picked_by_length": {f"of_{n}": {_rank(i, n): self._lengths[n, i] for i in range(n)} for n in sizes},
                "sources": {
                    source: {"offered": self._offered[source], "won": self._won[source]}
                    for source in sorted(self._offered)
                },
            }


def _rank(i: int, count: int) -> str:
    return {0: "shortest", count - 1: "longest"}.get(i, str(i + 1))
