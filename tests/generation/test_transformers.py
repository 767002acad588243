"""Batching and the reuse of prefixes change the cost of generation, never its result."""

from dataclasses import replace

import pytest
import torch

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.types import Request, Usage
from hf_selfdemo.generation import identity
from hf_selfdemo.generation.prefixes import Prefix, PrefixStore, common_length
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.prompting.prompts import render


def make_requests(questions, passages, temperature=0.0):
    requests = []
    for i, question in enumerate(questions[:5]):
        shown = passages[i : i + 2 + i % 2]
        for j, prompt in enumerate(("rag", "candidates/rag_2", "candidates/rag_3", "candidates/refusal_1")):
            messages = render(prompt, question.text, shown)
            requests.append(
                Request(f"{i}/{j}", messages, "rag", temperature, 6 + j, seed=10 * i + j, share=question.id, keep=True)
            )
        requests.append(Request(f"{i}/c", render("closed_book", question.text), "closed_book", 0.0, 6))
    return requests


def second_turns(requests, replies):
    """Each goes on from its first turn, some chosen instead of written."""
    for i, (request, reply) in enumerate(zip(requests, replies, strict=True)):
        turns = ({"role": "assistant", "content": reply.text}, {"role": "user", "content": "In short, please."})
        choices = ("1", "2", "3") if i % 3 == 0 else ()
        yield replace(request, messages=(*request.messages, *turns), stage="again", choices=choices, keep=False)


def spent(generator, requests):
    usage, replies = Usage(), ask(generator, requests)
    for request, reply in zip(requests, replies, strict=True):
        usage.add(request.stage, reply)
    return replies, usage


@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize(("batch_size", "share"), [(1, False), (7, False), (3, True), (64, True)])
def test_replies_do_not_depend_on_batching_or_reuse(
    model, tokenizer, questions, passages, batch_size, share, temperature
):
    requests = make_requests(questions, passages, temperature)
    plain = TransformersGenerator(model, tokenizer, 1, share_prefixes=False)
    other = TransformersGenerator(model, tokenizer, batch_size, share_prefixes=share)
    alone, together = [ask(plain, [r])[0] for r in requests], ask(other, requests)
    assert [(r.text, r.finish_reason) for r in together] == [(r.text, r.finish_reason) for r in alone]
    again = list(second_turns(requests, alone))
    for a, b in zip(ask(plain, again), ask(other, again), strict=True):
        assert (a.text, a.finish_reason) == (b.text, b.finish_reason)
        assert a.scores == pytest.approx(b.scores, abs=1e-3)


@pytest.mark.parametrize("gigabytes", [0.0, 0.0002, 1.0])
def test_a_small_prefix_cache_costs_time_and_changes_nothing(model, tokenizer, questions, passages, gigabytes):
    requests = make_requests(questions, passages)
    wide, narrow = (TransformersGenerator(model, tokenizer, 8, prefix_cache_gb=g) for g in (1.0, gigabytes))
    first = ask(wide, requests)
    assert [r.text for r in ask(narrow, requests)] == [r.text for r in first]
    again = list(second_turns(requests, first))
    (expected, free), (found, tight) = spent(wide, again), spent(narrow, again)
    assert [r.text for r in found] == [r.text for r in expected]
    assert (tight.cached_tokens < free.cached_tokens) == (gigabytes < 1)


def test_a_second_turn_computes_only_what_is_new(model, tokenizer, questions, passages):
    requests = [r for r in make_requests(questions, passages) if r.share]
    generator = TransformersGenerator(model, tokenizer, 64)
    first = ask(generator, requests)
    again = list(second_turns(requests, first))
    for request, before, after in zip(again, first, ask(generator, again), strict=True):
        held = before.prompt_tokens
        assert after.cached_tokens >= held, "all of the first turn's prompt"
        assert after.prompt_tokens - after.cached_tokens < 40, request.id


def test_greedy_equals_plain_generate(model, tokenizer, questions):
    import torch

    messages = render("closed_book", questions[0].text)
    ids = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = model.generate(ids, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :]
    text = tokenizer.decode(expected, skip_special_tokens=True).strip()
    request = Request("1", messages, "closed_book", 0.0, 8)
    assert ask(TransformersGenerator(model, tokenizer), [request])[0].text == text


def test_the_choice_is_the_one_likeliest_to_come_next(model, tokenizer, questions):
    import torch

    messages = render("closed_book", questions[0].text)
    ids = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = torch.log_softmax(model(ids).logits[0, -1], -1)
    choices = ("1", "2", "yes", "no")
    [reply] = ask(TransformersGenerator(model, tokenizer), [Request("1", messages, "judge", choices=choices)])
    scores = [expected[tokenizer(c, add_special_tokens=False)["input_ids"][0]].item() for c in choices]
    assert reply.scores == pytest.approx(scores, abs=1e-4)
    assert reply.text == choices[scores.index(max(scores))] and reply.generated_tokens == 0


def test_choices_that_begin_alike_are_refused(model, tokenizer):
    request = Request("1", render("closed_book", "Who?"), "judge", choices=("1", "1"))
    with pytest.raises(ValueError, match="do not differ"):
        ask(TransformersGenerator(model, tokenizer), [request])


def test_seeds_make_samples_differ_and_repeat(model, tokenizer, questions):
    messages = render("closed_book", questions[0].text)
    requests = [Request(str(s), messages, "closed_book", 1.0, 8, seed=s, share="q") for s in range(6)]
    first = [r.text for r in ask(TransformersGenerator(model, tokenizer), requests)]
    assert len(set(first)) > 1
    assert [r.text for r in ask(TransformersGenerator(model, tokenizer), requests)] == first


def test_sampling_follows_the_softmax():
    """Frequencies of one step over many seeds agree with the probabilities."""
    import torch

    from hf_selfdemo.generation.sampling import Sampler

    logits, rows = torch.tensor([2.0, 1.0, 0.0, -1.0]), 4000
    picked = Sampler([0.5] * rows, list(range(rows))).pick(logits.repeat(rows, 1), range(rows))
    frequencies = torch.bincount(torch.tensor(picked), minlength=4) / rows
    assert torch.allclose(frequencies, torch.softmax(logits / 0.5, -1), atol=0.03)


def test_shared_prefixes_are_counted_once_and_as_they_were_computed(model, tokenizer, questions, passages):
    requests = make_requests(questions, passages)
    computed = []
    forward = model.forward

    def counting(*args, **kwargs):
        if kwargs["input_ids"].shape[1] > 1:
            held = kwargs["past_key_values"].get_seq_length()
            computed.append(int(kwargs["attention_mask"][:, held:].sum()))
        return forward(*args, **kwargs)

    plain, shared = (TransformersGenerator(model, tokenizer, 64, share_prefixes=s) for s in (False, True))
    _, without = spent(plain, requests)
    model.forward = counting
    _, usage = spent(shared, requests)
    assert usage.prefilled_tokens == sum(computed)
    assert without.prefilled_tokens == without.prompt_tokens == usage.prompt_tokens
    assert usage.prefilled_tokens < 0.5 * without.prefilled_tokens
    assert usage.generated_tokens == without.generated_tokens


def test_models_that_forget_share_nothing(model, tokenizer):
    from transformers import Gemma3TextConfig

    from hf_selfdemo.generation.cache import can_reuse

    assert TransformersGenerator(model, tokenizer).share_prefixes
    assert not can_reuse(Gemma3TextConfig(num_hidden_layers=6, sliding_window=16))


def test_finish_reason_tells_cut_from_finished(model, tokenizer, questions):
    generator = TransformersGenerator(model, tokenizer)
    request = Request("1", render("closed_book", questions[0].text), "closed_book", 0.0, 4)
    assert ask(generator, [request])[0].finish_reason == "length"
    generator._stop_ids = set(range(len(tokenizer)))
    stopped = ask(generator, [request])[0]
    assert (stopped.text, stopped.finish_reason) == ("", "stop")


def test_a_prompt_that_cannot_fit_is_an_error_of_its_own(model, tokenizer, questions, passages):
    generator = TransformersGenerator(model, tokenizer, max_prompt_tokens=60)
    long = Request("long", render("rag", questions[0].text, passages[:3]), "rag")
    short = Request("short", render("closed_book", "Who?"), "closed_book", 0.0, 4)
    first, second = ask(generator, [long, short])
    assert first.finish_reason == "error" and "'long'" in first.error and "passages_per_question" in first.error
    assert second == ask(TransformersGenerator(model, tokenizer), [short])[0]


def test_no_requests_no_calls(model, tokenizer):
    assert ask(TransformersGenerator(model, tokenizer), []) == []


def test_weights_are_summed_in_parts_that_change_no_identity(model, tokenizer, monkeypatch):
    """A sum in 64 bits widens all it sums: whole, the embeddings of a large vocabulary would take gigabytes."""
    tensor = torch.randn(100, 7)
    whole = [int(tensor.view(torch.int32).flatten()[::step].sum(dtype=torch.int64)) for step in (1, 3, 7)]
    first = identity.model_identity(model, tokenizer)
    monkeypatch.setattr(identity, "_PART", 42)
    assert identity._checksums(tensor) == whole and identity.model_identity(model, tokenizer) == first


def test_identity_follows_weights_and_template_not_places(model, tokenizer):
    import copy

    import torch

    first = TransformersGenerator(model, tokenizer).identity
    moved, changed, turned = copy.deepcopy(model), copy.deepcopy(model), copy.deepcopy(tokenizer)
    moved.config._name_or_path = "/somewhere/else"
    with torch.no_grad():
        changed.model.layers[1].mlp.up_proj.weight *= 1.01
    turned.chat_template += " "
    assert TransformersGenerator(moved, tokenizer).identity == first
    assert TransformersGenerator(changed, tokenizer).identity != first
    assert TransformersGenerator(model, turned).identity != first


def test_the_store_finds_the_longest_and_forgets_the_oldest():
    import torch

    def states(tokens):
        return [(torch.zeros(1, tokens, 2), torch.zeros(1, tokens, 2))]

    store = PrefixStore(max_bytes=200)
    root = store.add("a", Prefix([1, 2, 3], 0, states(3)))
    leaf = store.add("a", Prefix([1, 2, 3, 4, 5], 3, states(2), root))
    assert store.find("a", [1, 2, 3, 4, 9]) == (leaf, 4)
    assert store.find("a", [1, 2, 3]) == (root, 2), "a token is left to be computed"
    assert store.find("b", [1, 2, 3]) == (None, 0)
    assert [n for _, n in leaf.pieces(4)] == [3, 1]
    store.add("b", Prefix([7], 0, states(8)))
    assert store.find("a", [1, 2, 3, 4])[1] == 0 and store.find("b", [7, 8])[1] == 1


def test_common_length():
    assert common_length([[1, 2, 3], [1, 2, 3]]) == 3
    assert common_length([[7], [7, 8]]) == 1
    assert common_length([[1, 2], [3, 4]]) == 0


def test_rows_of_models_with_recurrent_layers_do_not_depend_on_each_other(tokenizer):
    """Their caches cannot lose a row midway; what one row says does not depend on when the others end."""
    import torch
    from transformers import Lfm2Config, Lfm2ForCausalLM

    torch.manual_seed(1)
    config = Lfm2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        layer_types=["conv", "full_attention"],
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=0.3,
    )
    hybrid = Lfm2ForCausalLM(config).eval()
    requests = [
        Request(str(n), ({"role": "user", "content": "tin " * n},), "test", max_new_tokens=2 + n) for n in (1, 3, 6)
    ]
    together = dict(TransformersGenerator(hybrid, tokenizer).stream(requests))
    for place, request in enumerate(requests):
        [(_, alone)] = TransformersGenerator(hybrid, tokenizer).stream([request])
        assert together[place].text == alone.text and together[place].generated_tokens == alone.generated_tokens > 1
