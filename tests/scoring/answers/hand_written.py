"""Tables of hand-written replies, a row a question, for the tests of the match."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest


def pairs(table: Iterable[tuple[str, str, Sequence[str], Sequence[str]]], name: str = "") -> list[Any]:
    """Parameters (question, answer, prediction, right) of rows (question, answer, right ones, wrong ones)."""
    return [
        pytest.param(question, answer, prediction, right, id=f"{name}{question} {answer} <- {prediction}")
        for question, answer, *sides in table
        for right, side in zip((True, False), sides, strict=True)
        for prediction in side
    ]
