"""Rows in a file instead of in memory, so that memory does not grow with the number of rows."""

from __future__ import annotations

import os
import pickle
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO, Any, Generic, TypeVar, overload

T = TypeVar("T")


class OnDisk(Sequence[T], Generic[T]):
    """A sequence of items on disk. An item is read when it is accessed.

    The items are in a temporary file, which the system deletes when the process ends, even if it is killed, or in an
    existing file (`lines`). Reading does not use the file's position, so threads and forked processes may share it.

    Args:
        items: the items, which are iterated once. They must be picklable.

    Example:
        >>> words = OnDisk(word for word in ("amber", "basalt", "chalk"))
        >>> len(words), words[1], list(words[::2]), list(words.at([2, 0]))
        (3, 'basalt', ['amber', 'chalk'], ['chalk', 'amber'])
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._ends = array("Q", [0])
        for item in items:
            written = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
            self._file.write(written)
            self._ends.append(self._ends[-1] + len(written))
        self._file.flush()
        self._parse: Callable[[bytes], T] = pickle.loads
        self._places: Sequence[int] = range(len(self._ends) - 1)

    @classmethod
    def lines(cls, path: Path, parse: Callable[[bytes], T]) -> OnDisk[T]:
        """The lines of a file. The file may be deleted or replaced meanwhile, but must not be written to.

        Args:
            path: the file.
            parse: a function from a line to an item.

        Raises:
            OSError: if the file cannot be read.
        """
        found: OnDisk[T] = OnDisk.__new__(OnDisk)
        found._file, found._parse = path.open("rb"), parse
        found._ends = array("Q", accumulate(map(len, found._file), initial=0))
        found._places = range(len(found._ends) - 1)
        return found

    def at(self, places: Sequence[int]) -> OnDisk[T]:
        """The items at these indices, in this order, in the same file."""
        found: OnDisk[T] = OnDisk.__new__(OnDisk)
        found._file, found._ends, found._parse = self._file, self._ends, self._parse
        found._places = [self._places[place] for place in places]
        return found

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> OnDisk[T]: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self.at(range(len(self))[place])
        at = self._places[place]
        return self._parse(os.pread(self._file.fileno(), self._ends[at + 1] - self._ends[at], self._ends[at]))


class OnDiskByKey(Mapping[str, T], Generic[T]):
    """A mapping of items on disk, in the given order. Only keys and indices are in memory.

    Args:
        items: pairs of a unique key and an item, which are iterated once.

    Example:
        >>> found = OnDiskByKey([("q1", "amber"), ("q2", "basalt")])
        >>> found["q2"], list(found), found.rows[0], "q3" in found
        ('basalt', ['q1', 'q2'], 'amber', False)
    """

    def __init__(self, items: Iterable[tuple[str, T]]) -> None:
        self._places: dict[str, int] = {}
        self.rows: OnDisk[T] = OnDisk(self._placed(items))

    def _placed(self, items: Iterable[tuple[str, T]]) -> Iterator[T]:
        for place, (key, item) in enumerate(items):
            self._places[key] = place
            yield item

    def __getitem__(self, key: str) -> T:
        return self.rows[self._places[key]]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
