"""The on-policy figure is the plain negative log-likelihood of the response tokens."""

import pytest
import torch

from hf_selfdemo.chat import encode_prompt, encode_response
from hf_selfdemo.generation.likelihood import mean_nll, response_nll
from hf_selfdemo.prompts import render


def test_batched_nll_equals_one_row_at_a_time(model, tokenizer, questions):
    prompts = [render("closed_book", q.text) for q in questions[:4]]
    responses = ["Poland", "Clemens Winkler in 1886", "I don't know.", "x"]
    result = response_nll(model, tokenizer, prompts, responses, batch_size=3)
    for prompt, response, (loss, count) in zip(prompts, responses, result, strict=True):
        p, r = encode_prompt(tokenizer, prompt), encode_response(tokenizer, response)
        with torch.inference_mode():
            logits = model(torch.tensor([p + r])).logits[0, len(p) - 1 : -1]
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor(r), reduction="sum")
        assert count == len(r)
        assert loss == pytest.approx(float(expected), rel=1e-4)


def test_mean_is_over_tokens_and_none_without():
    assert mean_nll([(6.0, 3), (0.0, 3)]) == 1.0
    assert mean_nll([]) is None
