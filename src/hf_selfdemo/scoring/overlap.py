"""Exact match, token F1 and token recall. If there are several accepted answers, the best score counts.

The definitions are those of SQuAD's evaluation script (Rajpurkar et al. 2016), with this project's `normalise`. Each
score is 0 for an empty prediction or answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.scoring.normalise import normalise


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1.0 if the prediction equals one of `answers` after normalisation, else 0.0.

    Example:
        >>> exact_match("The Eiffel Tower!", ["Eiffel tower"]), exact_match("in Paris", ["Paris"])
        (1.0, 0.0)
    """
    said, wanted = normalise(_text(prediction)), _checked(answers)
    return float(bool(said) and any(said == normalise(answer) for answer in wanted))


def token_f1(prediction: str, answers: Sequence[str]) -> float:
    """The harmonic mean of token precision and recall, from 0 to 1. Repeated tokens count each time.

    Example:
        >>> token_f1("in Paris", ["Paris"])
        0.6666666666666666
    """
    return max((2 * same / total for same, _, total in _overlaps(prediction, answers)), default=0.0)


def token_recall(prediction: str, answers: Sequence[str]) -> float:
    """The share of an answer's tokens that the prediction contains, from 0 to 1.

    Example:
        >>> token_recall("It is Paris.", ["Paris, France", "Lutetia"])
        0.5
    """
    return max((same / gold for same, gold, _ in _overlaps(prediction, answers)), default=0.0)


def _overlaps(prediction: str, answers: Sequence[str]) -> list[tuple[int, int, int]]:
    """For each answer the number of common tokens, of its own tokens, and of its own and the prediction's tokens."""
    said = Counter(normalise(_text(prediction)).split())
    counted = [Counter(normalise(answer).split()) for answer in _checked(answers)]
    return [((said & gold).total(), gold.total(), gold.total() + said.total()) for gold in counted if gold and said]


def _text(prediction: str) -> str:
    if not isinstance(prediction, str):
        raise UserError(f"prediction is {prediction!r}", "give a string")
    return prediction


def _checked(answers: Sequence[str]) -> Sequence[str]:
    if isinstance(answers, str):
        raise UserError(f"answers is one string, {answers!r}", "give a list of answers")
    if answers is None or not all(isinstance(answer, str) for answer in answers):
        raise UserError(f"answers is {answers!r}", "give a list of strings")
    return answers
