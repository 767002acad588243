"""The probability of a refusal, and how well it tells rows apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tell_apart import area, refusal_probabilities

from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.prompting.chat import encode_prompt
from hf_selfdemo.prompting.prompts import render

ROWS = [
    Evidence(Question("1", "Who built it?", ("Ada",)), (Passage("p", "Ada built it."),), answer_in_context=True),
    Evidence(Question("2", "When?", ("1901",)), (Passage("p", "Ada built it."),), answer_in_context=False),
]


def test_the_area_is_one_for_a_model_that_knows_and_a_half_for_one_that_does_not():
    positive = np.array([True, True, False, False])
    assert area(np.array([0.9, 0.8, 0.1, 0.2]), positive) == 1
    assert area(np.array([0.5, 0.5, 0.5, 0.5]), positive) == 0.5
    assert area(np.array([0.9, 0.1, 0.5, 0.4]), positive) == 0.5
    assert area(np.array([0.9, 0.45, 0.5, 0.4]), positive) == 0.75


def test_the_probability_is_that_of_all_openings_together(model, tokenizer, monkeypatch):
    import tell_apart

    monkeypatch.setattr(tell_apart, "OPENINGS", ("The passage", "The answer", "I do"))
    found = refusal_probabilities(model, tokenizer, ROWS)
    for row, probability in zip(ROWS, found, strict=True):
        prompt = encode_prompt(tokenizer, render("rag", row.question.text, row.passages))
        expected = 0.0
        for opening in ("The passage", "The answer", "I do"):
            first, second = tokenizer(opening, add_special_tokens=False)["input_ids"][:2]
            with torch.no_grad():
                logits = model(torch.tensor([[*prompt, first]])).logits[0, -2:].softmax(-1)
            expected += float(logits[0, first] * logits[1, second])
        assert 0 < probability < 1 and probability == pytest.approx(expected, rel=1e-4)
