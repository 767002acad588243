"""Returns free memory to the system before a large allocation."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """Collect reference cycles, and return free memory to the system.

    glibc keeps freed blocks of less than 32 MB, and later allocations rarely fit between the blocks in use.

    Example:
        >>> give_back()
    """
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
