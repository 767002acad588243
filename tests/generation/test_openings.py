"""How likely a reply begins with a text, replies that may not begin so, and how likely what was written is."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Request, Usage
from hf_selfdemo.generation.beginnings import begins_with
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.prompting.chat import encode_opening, encode_prompt
from hf_selfdemo.prompting.prompts import render

OPENINGS = ("I don't know", "The passages do not", "Poland")


def requests_for(questions, passages, **fields):
    return [
        Request(q.id, render("rag", q.text, passages[i : i + 2]), "rag", 0.0, 8, share=q.id, **fields)
        for i, q in enumerate(questions[:5])
    ]


def token_logprobs(model, prompt, reply):
    """Of each token of a reply, in one pass over the whole text."""
    with torch.inference_mode():
        logits = model(torch.tensor([[*prompt, *reply]])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(reply)[:, None])[:, 0]


@pytest.mark.parametrize(("batch_size", "share"), [(1, True), (7, True), (64, True), (4, False)])
def test_an_opening_is_as_likely_as_its_tokens_after_the_prompt(
    model, tokenizer, questions, passages, batch_size, share
):
    asked = requests_for(questions, passages, openings=OPENINGS)
    replies = ask(TransformersGenerator(model, tokenizer, batch_size, share_prefixes=share), asked)
    for request, reply in zip(asked, replies, strict=True):
        prompt = encode_prompt(tokenizer, request.messages)
        expected = [token_logprobs(model, prompt, encode_opening(tokenizer, o)).sum().item() for o in OPENINGS]
        assert reply.scores == pytest.approx(expected, abs=1e-3)
        assert (reply.text, reply.finish_reason, reply.generated_tokens, reply.logprob) == ("", "stop", 0, None)


def test_openings_of_a_template_that_ends_replies_with_blanks_hold_none(tokenizer):
    import copy

    ends = copy.deepcopy(tokenizer)
    ends.chat_template = ends.chat_template.replace("'<|im_end|>'", "'\\n<|im_end|>'")
    assert encode_opening(ends, "I don't") == encode_opening(tokenizer, "I don't")


def test_openings_beside_the_reply_run_the_prompt_once_and_count_what_was_run(model, tokenizer, questions, passages):
    """The same prompt in one call, and in a later one that goes on from what is held."""
    writing = requests_for(questions, passages)
    measuring = requests_for(questions, passages, openings=OPENINGS)
    avoiding = requests_for(questions, passages, avoid=OPENINGS)
    computed = []
    forward = model.forward

    def counting(*args, **kwargs):
        held = kwargs["past_key_values"].get_seq_length()
        computed.append(int(kwargs["attention_mask"][:, held:].sum()))
        return forward(*args, **kwargs)

    model.forward = counting
    generator, usage = TransformersGenerator(model, tokenizer, 64), Usage()
    for call in (measuring, measuring):
        for request, reply in zip(call, ask(generator, call), strict=True):
            usage.add(request.stage, reply)
    assert usage.prefilled_tokens == sum(computed)
    opened = sum(len(encode_opening(tokenizer, o)) for o in OPENINGS)
    prompts = sum(len(encode_prompt(tokenizer, r.messages)) for r in writing)
    assert usage.prefilled_tokens == prompts - 5 + 2 * 5 * opened, "the prompts once, the openings twice"
    both = [r for pair in zip(writing, measuring, avoiding, strict=True) for r in pair]
    cold = ask(TransformersGenerator(model, tokenizer, 64), both)
    prefilled = sum(r.prompt_tokens - r.cached_tokens for r in cold)
    assert prefilled == prompts - 5 + 2 * 5 + 2 * 5 * opened, "a writing request runs the prompt's last token, too"


class Listening(TransformersGenerator):
    """Keeps the tokens that it read last."""

    def _read(self, row, tokens):
        self.tokens = list(tokens)
        return super()._read(row, tokens)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_log_probability_is_the_mean_over_all_that_was_written(model, tokenizer, questions, passages, temperature):
    generator = Listening(model, tokenizer)
    for request in requests_for(questions, passages):
        [reply] = ask(generator, [replace(request, temperature=temperature, seed=3, avoid=("Th",))])
        assert len(generator.tokens) == reply.generated_tokens
        expected = token_logprobs(model, encode_prompt(tokenizer, request.messages), generator.tokens).mean().item()
        assert reply.logprob == pytest.approx(expected, abs=1e-3)


def test_the_stop_token_counts_in_the_log_probability(model, tokenizer, questions):
    generator = TransformersGenerator(model, tokenizer)
    generator._stop_ids = set(range(len(tokenizer)))
    [reply] = ask(generator, [Request("1", render("closed_book", questions[0].text), "closed_book")])
    prompt = encode_prompt(tokenizer, render("closed_book", questions[0].text))
    with torch.inference_mode():
        logits = model(torch.tensor([prompt])).logits[0, -1]
    assert reply.text == "" and reply.logprob == pytest.approx(torch.log_softmax(logits, -1).max().item(), abs=1e-4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_reply_never_begins_with_what_is_avoided(model, tokenizer, questions, data):
    """Whatever it would say: openings are cut out of what it does say, at any letter, in any capitals."""
    seed = data.draw(st.integers(0, 10**6))
    temperature = data.draw(st.sampled_from([0.0, 0.7, 1.5]))
    generator = TransformersGenerator(model, tokenizer)
    request = Request("1", render("closed_book", questions[seed % 9].text), "rag", temperature, 6, seed)
    avoid: tuple[str, ...] = ()
    for _ in range(4):
        [reply] = ask(generator, [replace(request, avoid=avoid)])
        assert not any(begins_with(reply.text, opening) for opening in avoid)
        if not reply.text:
            break
        cut = reply.text[: data.draw(st.integers(1, len(reply.text)))].strip()
        opening = data.draw(st.sampled_from([cut, cut.upper(), cut.lower()]))
        avoid = (*avoid, opening) if opening.strip() else avoid


def test_what_is_left_is_as_likely_as_it_was_among_such_replies(model, tokenizer, questions):
    """A greedy reply begins with the token after which most is left, not with the first that leads nowhere."""
    messages = render("closed_book", questions[0].text)
    generator = TransformersGenerator(model, tokenizer)
    [plain] = ask(generator, [Request("1", messages, "rag", 0.0, 1)])
    prompt = encode_prompt(tokenizer, messages)
    with torch.inference_mode():
        first = torch.softmax(model(torch.tensor([prompt])).logits[0, -1].float(), -1)
    token = int(first.argmax())
    with torch.inference_mode():
        second = torch.softmax(model(torch.tensor([[*prompt, token]])).logits[0, -1].float(), -1)
    openings = []
    for follower in second.argsort(descending=True)[:40].tolist():
        text = tokenizer.decode([token, follower])
        if text.strip() and encode_opening(tokenizer, text) == [token, follower]:
            openings.append((text, follower))
    assert openings and plain.text
    lost = sum(second[follower].item() for _, follower in openings)
    left = first.clone()
    left[token] *= 1 - lost
    avoid = tuple(text for text, _ in openings)
    draws = [Request(str(s), messages, "rag", 1.0, 1, seed=s, avoid=avoid, share="q") for s in range(1500)]
    replies = [r.text for r in ask(TransformersGenerator(model, tokenizer, 256), draws)]
    share = replies.count(plain.text) / len(replies)
    expected = (left[token] / left.sum()).item()
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 1500) + 0.01)
    assert abs(first[token].item() - expected) > 0.02, "else the test could not fail"


@pytest.mark.parametrize("field", ["openings", "avoid"])
def test_a_blank_opening_is_refused(field):
    with pytest.raises(UserError, match=f"{field} contains a blank text"):
        Request("1", (), "rag", **{field: ("I", " ")})


def test_what_is_too_long_is_an_error_of_its_own(model, tokenizer, questions):
    generator = TransformersGenerator(model, tokenizer, max_prompt_tokens=60)
    request = Request("1", render("closed_book", questions[0].text), "rag", 0.0, 4)
    long, short = ask(generator, [replace(request, openings=("word " * 60,)), replace(request, openings=("word",))])
    assert long.finish_reason == "error" and "scoring '1' needs" in long.error
    assert short.finish_reason == "stop" and len(short.scores) == 1


def test_a_script_is_sure_of_what_it_says_and_loses_the_words_to_be_avoided():
    generator = ScriptedGenerator(lambda request: "I don't know it.")
    asked = Request("1", ({"role": "user", "content": "Who?"},), "rag")
    measured, avoided = ask(
        generator, [replace(asked, openings=("i  don’t", "You")), replace(asked, avoid=("I don't",))]
    )
    assert [round(math.exp(score), 9) for score in measured.scores] == [1, 0]
    assert avoided.text == "don't know it."
