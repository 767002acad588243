"""Multiple choice by likelihood: nothing is generated, and the model's choice is the likeliest one.

The definitions are those of lm-evaluation-harness (EleutherAI, version 0.4.13) with `--apply_chat_template`, without
examples and description. Each question is asked in two forms: as in its `mmlu` tasks, where the prompt lists the
choices and the reply is a letter, and as in its `arc` tasks, where the reply is the text of a choice.

- *acc*: share of questions for which the choice with the highest log-likelihood is correct;
- *acc_norm*: the same with the log-likelihood divided by the number of characters;
- of equally likely choices the first counts, as with numpy's argmax.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.evaluation.ability.choices import LETTERS, ChoiceQuestion
from hf_selfdemo.generation.likelihood import TextIds, text_nll
from hf_selfdemo.prompting.chat import encode_prompt, encode_response
from hf_selfdemo.prompting.prompts import fill

FORMS = Path(__file__).parent
"""The folder with the templates of the two forms, `letter.txt` and `text.txt`."""

METRICS = {
    "letter_acc": "choices by letter (acc)",
    "text_acc": "choices by text (acc)",
    "text_acc_norm": "choices by text, per character (acc_norm)",
}
"""The metrics of a model with their labels in tables."""

_CHUNK = 32
"""Number of questions between two progress updates."""


class ChoiceScores(NamedTuple):
    """Log-likelihoods in nats of the letter of each choice, and of its text, in the order of the choices."""

    letter: tuple[float, ...]
    text: tuple[float, ...]


def score_choices(
    model: Any,
    tokenizer: Any,
    questions: Sequence[ChoiceQuestion],
    batch_size: int = 12,
    on_progress: Callable[[int], None] = lambda questions: None,
) -> list[ChoiceScores]:
    """The log-likelihood of each choice under a model; the choices of a question share the forward pass of its prompt.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer, with a chat template.
        questions: the questions.
        batch_size: choices per batch; a multiple of the number of choices per question is fastest.
        on_progress: called with the number of questions scored since the last call.

    Raises:
        UserError: if a question is longer than the model's context (before anything is run), or if a likelihood is NaN.
    """
    encoded = [_encoded(tokenizer, question) for question in questions]
    _refuse_too_long(questions, encoded, getattr(model.config, "max_position_embeddings", None))
    scores: list[ChoiceScores] = []
    for start in range(0, len(questions), _CHUNK):
        chunk = encoded[start : start + _CHUNK]
        losses = iter(text_nll(model, [text for texts in chunk for text in texts], batch_size))
        scores += [_scores([-next(losses) for _ in texts]) for texts in chunk]
        on_progress(len(chunk))
    for question, scored in zip(questions, scores, strict=True):
        if any(math.isnan(score) for score in (*scored.letter, *scored.text)):
            raise UserError(
                f"the likelihood of a choice of question {question.id!r} is NaN",
                "check the model's weights, or load them with dtype float32",
            )
    return scores


def picks(question: ChoiceQuestion, scores: ChoiceScores) -> dict[str, int]:
    """The index of the choice that each of `METRICS` picks.

    Example:
        >>> question = ChoiceQuestion("1", "How many?", ("two", "two hundred"), 0)
        >>> picks(question, ChoiceScores(letter=(-1.0, -1.0), text=(-3.0, -4.0)))
        {'letter_acc': 0, 'text_acc': 0, 'text_acc_norm': 1}
    """
    per_character = [score / len(choice) for score, choice in zip(scores.text, question.choices, strict=True)]
    return dict(zip(METRICS, map(_first, (scores.letter, scores.text, per_character)), strict=True))


def _first(scores: Sequence[float]) -> int:
    """The index of the highest score; of equal ones, the first."""
    return max(range(len(scores)), key=scores.__getitem__)


def _encoded(tokenizer: Any, question: ChoiceQuestion) -> list[TextIds]:
    """The letters of all choices after the first form's prompt, then their texts after the second form's."""
    letters = LETTERS[: len(question.choices)]
    filled = {"question": question.text, "choices": question.choices, "letters": letters}
    by_letter, by_text = (
        encode_prompt(tokenizer, [{"role": "user", "content": fill(form, FORMS, **filled)}])
        for form in ("letter", "text")
    )
    texts = [(by_letter, letter) for letter in letters] + [(by_text, choice) for choice in question.choices]
    return [(prompt, encode_response(tokenizer, text)[:-1]) for prompt, text in texts]  # without the end of the turn


def _scores(logs: list[float]) -> ChoiceScores:
    half = len(logs) // 2
    return ChoiceScores(tuple(logs[:half]), tuple(logs[half:]))


def _refuse_too_long(
    questions: Sequence[ChoiceQuestion], encoded: Sequence[Sequence[TextIds]], context: int | None
) -> None:
    for question, texts in zip(questions, encoded, strict=True):
        needed = max(len(prompt) + len(reply) for prompt, reply in texts)
        if context is not None and needed > context:
            raise UserError(
                f"choice question {question.id!r} needs {needed} tokens, more than the model's {context} positions",
                "drop or shorten it",
            )
