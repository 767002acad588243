"""The on-policy figure is the plain negative log-likelihood of the response tokens."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, Lfm2Config, MistralConfig

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Request
from hf_selfdemo.generation import likelihood
from hf_selfdemo.generation.likelihood import mean_nll, response_nll, sharing, text_nll
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.prompting.chat import encode_prompt, encode_response
from hf_selfdemo.prompting.prompts import render

SMALL = {
    "vocab_size": 1200,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}


def test_batched_nll_equals_one_row_at_a_time(model, tokenizer, questions):
    prompts = [render("closed_book", q.text) for q in questions[:4]]
    responses = ["Poland", "Clemens Winkler in 1886", "I don't know.", "x"]
    result = response_nll(model, tokenizer, prompts, responses, batch_size=3)
    for prompt, response, (loss, count) in zip(prompts, responses, result, strict=True):
        p, r = encode_prompt(tokenizer, prompt), encode_response(tokenizer, response)
        with torch.inference_mode():
            logits = model(torch.tensor([p + r])).logits[0, len(p) - 1 : -1]
        expected = cross_entropy(logits, torch.tensor(r), reduction="sum")
        assert count == len(r)
        assert loss == pytest.approx(float(expected), rel=1e-4)


def test_responses_to_one_prompt_share_its_pass_and_change_nothing(model, tokenizer, questions, monkeypatch):
    texts = [
        (encode_prompt(tokenizer, render("closed_book", q.text)), encode_response(tokenizer, response))
        for q in questions[:3]
        for response in ("Poland", "Clemens Winkler in 1886", "I don't know.")
    ]
    passes, forward = [], model.forward
    monkeypatch.setattr(model, "forward", lambda **inputs: (passes.append(inputs["input_ids"]), forward(**inputs))[1])
    shared = text_nll(model, texts)
    assert [len(ids) for ids in passes] == [3, 9], "three prompts, then what follows nine times"
    assert passes[1].shape[1] == max(len(response) for _, response in texts)
    monkeypatch.setattr(likelihood, "_can_continue", lambda config: False)
    assert shared == pytest.approx(text_nll(model, texts), rel=1e-5)
    assert len(passes) == 3 and len(passes[2]) == 9


def test_texts_that_begin_alike_are_run_once_and_change_nothing(model, tokenizer, questions, monkeypatch):
    openings = ["The passage", "The passages", "The", "There are no", "There is", "Poland"]
    prompts = [encode_prompt(tokenizer, render("closed_book", q.text)) for q in questions[:2]]
    texts = [(prompt, tokenizer.encode(opening)) for prompt in prompts for opening in openings]
    passes, forward = [], model.forward
    monkeypatch.setattr(model, "forward", lambda **inputs: (passes.append(inputs["input_ids"]), forward(**inputs))[1])
    shared = text_nll(model, texts)
    assert len(passes) == 2 and len(passes[1]) == 2 * len(sharing([ids for _, ids in texts[: len(openings)]])) < 12
    assert shared == pytest.approx([text_nll(model, [text])[0] for text in texts], rel=1e-5)


@pytest.mark.parametrize(
    "config",
    [MistralConfig(sliding_window=8, **SMALL), Lfm2Config(layer_types=["conv", "full_attention"], **SMALL)],
    ids=["sliding windows", "no attention"],
)
def test_other_layers_than_full_attention_give_the_same_figures(config, tokenizer, questions):
    """Attention in windows goes on from a prompt run before; a convolution keeps no states that could be handed out."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    prompt, responses = render("closed_book", questions[0].text), ["Poland", "I don't know, nothing is said of it."]
    together = response_nll(model, tokenizer, [prompt] * 2, responses)
    for response, (loss, _) in zip(responses, together, strict=True):
        p, r = encode_prompt(tokenizer, prompt), encode_response(tokenizer, response)
        with torch.inference_mode():
            logits = model(torch.tensor([p + r]), use_cache=False).logits[0, len(p) - 1 : -1]
        assert loss == pytest.approx(float(cross_entropy(logits, torch.tensor(r), reduction="sum")), rel=1e-4)


def test_mean_is_over_tokens_and_none_without():
    assert mean_nll([(6.0, 3), (0.0, 3)]) == 1.0
    assert mean_nll([]) is None


def test_the_engine_scores_a_given_text_beside_what_it_writes(model, tokenizer, questions):
    prompt = render("closed_book", questions[0].text)
    texts = ["Poland", "I don't know, nothing is said of it.", "word " * 3000]
    requests = [Request(f"{i}", prompt, "likelihood", scored=text) for i, text in enumerate(texts)]
    requests.insert(1, Request("written", prompt, "rag", 0.0, 4))
    replies = ask(TransformersGenerator(model, tokenizer), requests)
    assert replies.pop(1) == ask(TransformersGenerator(model, tokenizer), requests[1:2])[0]
    expected = response_nll(model, tokenizer, [prompt] * 2, texts[:2])
    for reply, (nats, count) in zip(replies, expected, strict=False):
        assert reply.text == "" and reply.scores == (pytest.approx(-nats / count, abs=1e-4),)
        assert reply.generated_tokens == 0 < reply.prompt_tokens
    assert replies[2].finish_reason == "error" and "scoring '2' needs" in replies[2].error


def test_the_engine_tells_the_tokens_of_a_text_with_their_log_probabilities(model, tokenizer, questions, tmp_path):
    """Of one that is given and of one that is written; the sums are those that it tells without them."""
    prompt, text = render("closed_book", questions[0].text), "Clemens Winkler"
    given = Request("given", prompt, "likelihood", scored=text, tokens=True)
    written = Request("written", prompt, "rag", 0.0, 4, tokens=True)
    generator = RecordedGenerator(TransformersGenerator(model, tokenizer), Ledger(tmp_path / "ledger.sqlite"))
    scored, reply = ask(generator, [given, written])
    ids = encode_response(tokenizer, text)
    assert [token for token, _ in scored.tokens] == ids
    assert sum(logprob for _, logprob in scored.tokens) / len(ids) == pytest.approx(scored.scores[0], abs=1e-6)
    start = encode_prompt(tokenizer, prompt)
    for one in (scored, reply):
        said = [token for token, _ in one.tokens]
        with torch.inference_mode():
            logprobs = model(torch.tensor([start + said])).logits[0, len(start) - 1 : -1].log_softmax(-1)
        expected = logprobs.gather(1, torch.tensor(said)[:, None])[:, 0].tolist()
        assert [logprob for _, logprob in one.tokens] == pytest.approx(expected, abs=1e-4)
    assert len(reply.tokens) == reply.generated_tokens == 4
    assert tokenizer.decode([token for token, _ in reply.tokens]).strip() == reply.text
    assert reply.logprob == pytest.approx(sum(logprob for _, logprob in reply.tokens) / 4)
    assert ask(generator, [given, written]) == [scored, reply] and generator.usage.calls == 2
    plain = ask(TransformersGenerator(model, tokenizer), [Request("written", prompt, "rag", 0.0, 4)])[0]
    assert plain.tokens == () and plain.text == reply.text
