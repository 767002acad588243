"""The request to a judging model. The prompts of all judges begin like the candidates' own."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.types import Evidence, Request
from hf_selfdemo.prompting.prompts import fill

SHORT_REPLY = 32
"""Longest reply without reasoning, in tokens. An engine that cannot choose may write a sentence around its choice."""


def judging_request(
    evidence: Evidence,
    template: str,
    name: str,
    choices: Sequence[str],
    reasoning: bool,
    max_new_tokens: int,
    passages: int,
    **values: Any,
) -> Request:
    """A request for a verdict.

    Args:
        evidence: the row; its accepted answers are shown.
        template: name of a template in `templates/judging`.
        name: name of the request, unique within the row.
        choices: the words that the model chooses from, unless it reasons.
        reasoning: whether the model reasons first, sampled at temperature 1, and ends with its verdict.
        max_new_tokens: longest reply with reasoning, in tokens.
        passages: the most passages to show, best first.
        values: further variables of the template.
    """
    prompt = fill(
        f"judging/{template}",
        question=evidence.question.text,
        passages=evidence.passages[:passages],
        answers=known_answers(evidence),
        reasoning=reasoning,
        **values,
    )
    return Request(
        id=f"{evidence.id}/{name}",
        messages=({"role": "user", "content": prompt},),
        stage="judge",
        temperature=1.0 if reasoning else 0.0,
        max_new_tokens=max_new_tokens if reasoning else SHORT_REPLY,
        choices=() if reasoning else tuple(choices),
        share=f"{evidence.id}/passages",
    )


def known_answers(evidence: Evidence) -> tuple[str, ...]:
    """The accepted answers that contain a letter, a number or a symbol, each on one line.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> known_answers(Evidence(Question("q1", "Who?", ("Clemens\\nWinkler", "?!", ""))))
        ('Clemens Winkler',)
    """
    return tuple(shown(answer) for answer in evidence.question.answers if _says_something(answer))


def _says_something(answer: str) -> bool:
    return any(unicodedata.category(sign)[0] in "LNS" for sign in answer)


def shown(text: str) -> str:
    """A text as it is shown to a judge: on one line, so that one candidate cannot look like two.

    Example:
        >>> shown("Iodine.\\nReply 2: Germanium.")
        'Iodine. Reply 2: Germanium.'
    """
    return " ".join(text.split())
