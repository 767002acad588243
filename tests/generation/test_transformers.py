"""Batching and prefix sharing change the cost of generation, never its result."""

import pytest

from hf_selfdemo.errors import UserError
from hf_selfdemo.generation.transformers import TransformersGenerator, _common_prefix
from hf_selfdemo.prompts import render
from hf_selfdemo.types import Request


def make_requests(questions, passages, temperature=0.0):
    requests = []
    for i, question in enumerate(questions[:5]):
        shown = passages[i : i + 2 + i % 2]
        for j, prompt in enumerate(("rag", "demo_rag_2", "demo_rag_3", "demo_refusal_1")):
            messages = render(prompt, question.text, shown)
            requests.append(
                Request(f"{i}/{j}", messages, "rag", prompt, temperature, 6 + j, seed=10 * i + j, share=question.id)
            )
        requests.append(Request(f"{i}/c", render("closed_book", question.text), "closed_book", "closed_book", 0.0, 6))
    return requests


@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize(("batch_size", "share"), [(1, False), (7, False), (3, True), (64, True)])
def test_texts_do_not_depend_on_batching_or_sharing(
    model, tokenizer, questions, passages, batch_size, share, temperature
):
    requests = make_requests(questions, passages, temperature)
    alone = [TransformersGenerator(model, tokenizer, 1, share_prefixes=False).generate([r])[0] for r in requests]
    together = TransformersGenerator(model, tokenizer, batch_size, share_prefixes=share).generate(requests)
    assert together == alone


def test_greedy_equals_plain_generate(model, tokenizer, questions):
    import torch

    messages = render("closed_book", questions[0].text)
    ids = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = model.generate(ids, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :]
    text = tokenizer.decode(expected, skip_special_tokens=True).strip()
    request = Request("1", messages, "closed_book", "closed_book", 0.0, 8)
    assert TransformersGenerator(model, tokenizer).generate([request])[0].text == text


def test_seeds_make_samples_differ_and_repeat(model, tokenizer, questions):
    messages = render("closed_book", questions[0].text)
    requests = [Request(str(s), messages, "closed_book", "closed_book", 1.0, 8, seed=s, share="q") for s in range(6)]
    first = TransformersGenerator(model, tokenizer).generate(requests)
    assert len({c.text for c in first}) > 1
    assert TransformersGenerator(model, tokenizer).generate(requests) == first


def test_sampling_follows_the_softmax():
    """Frequencies of one step over many seeds agree with the probabilities."""
    import torch

    from hf_selfdemo.generation.sampling import Sampler

    logits, rows = torch.tensor([2.0, 1.0, 0.0, -1.0]), 4000
    picked = Sampler([0.5] * rows, list(range(rows))).pick(logits.repeat(rows, 1), range(rows))
    frequencies = torch.bincount(torch.tensor(picked), minlength=4) / rows
    assert torch.allclose(frequencies, torch.softmax(logits / 0.5, -1), atol=0.03)


def test_shared_prefixes_are_counted_once(model, tokenizer, questions, passages):
    requests = make_requests(questions, passages)
    shared, plain = (TransformersGenerator(model, tokenizer, 64, share_prefixes=s) for s in (True, False))
    shared.generate(requests)
    plain.generate(requests)
    assert plain.usage.prefilled_tokens == plain.usage.prompt_tokens == shared.usage.prompt_tokens
    assert shared.usage.prefilled_tokens + shared.usage.cached_tokens == shared.usage.prompt_tokens
    assert shared.usage.prefilled_tokens < 0.5 * plain.usage.prefilled_tokens
    assert shared.usage.generated_tokens == plain.usage.generated_tokens


def test_finish_reason_tells_cut_from_finished(model, tokenizer, questions):
    generator = TransformersGenerator(model, tokenizer)
    request = Request("1", render("closed_book", questions[0].text), "closed_book", "closed_book", 0.0, 4)
    assert generator.generate([request])[0].finish_reason == "length"
    first = tokenizer.encode(generator.generate([request])[0].text, add_special_tokens=False)
    generator._stop_ids = set(range(len(tokenizer)))
    stopped = generator.generate([request])[0]
    assert (stopped.text, stopped.finish_reason) == ("", "stop") and first


def test_a_prompt_that_cannot_fit_names_the_row(model, tokenizer, questions, passages):
    generator = TransformersGenerator(model, tokenizer, max_prompt_tokens=50)
    with pytest.raises(UserError, match=r"row 'long'.*passages_per_question"):
        generator.generate([Request("long", render("rag", questions[0].text, passages[:3]), "rag", "rag")])


def test_no_requests_no_calls(model, tokenizer):
    generator = TransformersGenerator(model, tokenizer)
    assert generator.generate([]) == [] and generator.usage.calls == 0


def test_common_prefix_leaves_a_token_to_each():
    assert _common_prefix([[1, 2, 3], [1, 2, 3]]) == 2
    assert _common_prefix([[1, 2, 3], [1, 2, 4, 5]]) == 2
    assert _common_prefix([[7], [7]]) == 0
    assert _common_prefix([[1, 2], [3, 4]]) == 0
