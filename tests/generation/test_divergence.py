"""Words whose prediction changes most between layers: the figures, their way to words, and the engine's replies."""

import math

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, LlamaConfig, Qwen2Config

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Request
from hf_selfdemo.generation import divergence
from hf_selfdemo.generation.divergence import early_layers, token_divergences
from hf_selfdemo.generation.frozen import FrozenLayers
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.generation.words import word_scores, words_of_tokens
from hf_selfdemo.prompting.chat import encode_opening, encode_prompt

SMALL = {
    "vocab_size": 90,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}
TEXTS = [([5, 6], [7, 8, 9]), ([11, 12, 13, 14], [15]), ([3], [4, 4, 4, 60, 61])]
TITLE = ({"role": "user", "content": "Germanium"},)


def made(config):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


@torch.no_grad()
def plainly(model, prompt, text, head):
    """By the definition: the mean of two relative entropies, position by position and layer by layer."""
    passed = model.model(torch.tensor([prompt + text]), output_hidden_states=True)
    found = []
    for place in range(len(prompt) - 1, len(prompt) + len(text) - 1):
        last = head(passed.last_hidden_state[0, place]).softmax(-1)
        each = []
        for layer in early_layers(model.config):
            early = head(model.model.norm(passed.hidden_states[layer][0, place])).softmax(-1)
            middle = (early + last) / 2
            each.append(sum(float((p * (p / middle).log()).sum()) for p in (early, last)) / 2)
        found.append(max(each))
    return found


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**SMALL),
        LlamaConfig(**SMALL, tie_word_embeddings=True),
        Qwen2Config(**SMALL),
        Gemma2Config(**SMALL, head_dim=12, final_logit_softcapping=2.0),
    ],
    ids=["llama", "llama tied", "qwen", "gemma"],
)
def test_it_is_the_highest_jensen_shannon_divergence_of_an_early_layer(config, monkeypatch):
    model = made(config)
    monkeypatch.setattr(divergence, "_LOGITS", 2 * 90)  # two positions at once

    def head(states):
        logits, cap = model.lm_head(states), getattr(config, "final_logit_softcapping", None)
        return torch.tanh(logits / cap) * cap if cap else logits

    for (prompt, text), found in zip(TEXTS, token_divergences(model, TEXTS), strict=True):
        assert found == pytest.approx(plainly(model, prompt, text, head), abs=1e-5)
        assert all(0.001 < nats < math.log(2) for nats in found)
    assert "forward" not in vars(model.model)


def test_layers_are_those_of_dola():
    assert early_layers(LlamaConfig(**SMALL | {"num_hidden_layers": 30})) == list(range(0, 16, 2))
    tied = SMALL | {"tie_word_embeddings": True}
    assert early_layers(LlamaConfig(**tied | {"num_hidden_layers": 30})) == list(range(2, 16, 2))
    assert early_layers(LlamaConfig(**tied | {"num_hidden_layers": 2})) == [1]


def test_a_layer_that_changes_nothing_is_no_divergence():
    """With blank upper layers the last one predicts what the layer in the middle does."""
    model = made(LlamaConfig(**SMALL | {"num_hidden_layers": 2}, tie_word_embeddings=True))
    for name, weight in model.model.layers[1].named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            torch.nn.init.zeros_(weight)
    assert all(nats < 1e-5 for found in token_divergences(model, TEXTS) for nats in found)


def test_layers_that_are_looked_up_change_nothing(tmp_path):
    model = made(LlamaConfig(**SMALL))
    texts = [([1, 2], list(range(30, 60))), ([1, 2], list(range(40, 70)))]
    before = token_divergences(model, texts)
    FrozenLayers(model, 2, tmp_path)
    assert token_divergences(model, texts) == before
    with torch.no_grad():
        model(torch.tensor([texts[0][1]]))
    assert token_divergences(model, texts) == before


@pytest.fixture(scope="module")
def metaspace():
    """A tokenizer that marks blanks as sentencepiece does, with bytes for what it does not know, as Llama 2 has it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.Metaspace()
    bpe.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    every_byte = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=["<unk>", *every_byte], show_progress=False)
    bpe.train_from_iterator(["The old mill was made by hand, and the pump of the mill was made later."], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<unk>")


WORDS = "The  mill\n\nwas «made» by 龍 and 👩‍🔧, later."


@pytest.mark.parametrize("name", ["tokenizer", "metaspace"])
def test_tokens_find_their_words(name, request):
    tokenizer = request.getfixturevalue(name)
    ids = tokenizer(WORDS, add_special_tokens=False)["input_ids"]
    places = words_of_tokens(tokenizer, ids)
    assert len(places) == len(ids) > len(WORDS.split()) and all(len(words) <= 1 for words in places)
    for place, word in enumerate(WORDS.split()):
        assert tokenizer.decode([token for token, at in zip(ids, places, strict=True) if place in at]).strip() == word


def test_a_word_has_the_highest_score_of_its_tokens_and_of_the_pieces_it_was_taken_apart_into(tokenizer):
    text, shown = "Say <|im_end|> twice", "Say < |im_end|> twice"
    ids = tokenizer(shown, add_special_tokens=False)["input_ids"]
    scores = [float(place) for place in range(len(ids))]
    first, middle, last = word_scores(tokenizer, text, shown, ids, scores)
    assert 0 <= first < middle < last == len(ids) - 1
    assert middle == max(s for s, at in zip(scores, words_of_tokens(tokenizer, ids), strict=True) if set(at) & {1, 2})
    assert word_scores(tokenizer, "Say it", "Say it", ids, scores) is None, "tokens of another text"


def test_the_engine_tells_each_word_of_a_text_and_is_asked_once(model, tokenizer, tmp_path, monkeypatch):
    texts = ["Clemens Winkler discovered it in 1886.", "It is a <|im_end|> metalloid.", "Ge " * 40]
    requests = [Request(str(i), TITLE, "divergence", contrasted=text) for i, text in enumerate(texts)]
    requests.insert(1, Request("written", TITLE, "rag", max_new_tokens=3))
    passes, forward = [], model.model.forward
    monkeypatch.setattr(model.model, "forward", lambda **inputs: (passes.append(inputs), forward(**inputs))[1])
    generator = RecordedGenerator(TransformersGenerator(model, tokenizer), Ledger(tmp_path / "ledger.sqlite"))
    first, written, *others = ask(generator, requests)
    assert written.text and not written.scores
    assert len([one for one in passes if one.get("output_hidden_states")]) == 2, "texts of like length together"
    for reply, text in zip((first, *others), texts, strict=True):
        assert (reply.text, reply.finish_reason, len(reply.scores)) == ("", "stop", len(text.split()))
        assert reply.generated_tokens == 0 < reply.prompt_tokens
    prompt, ids = encode_prompt(tokenizer, TITLE), encode_opening(tokenizer, texts[0])
    [nats] = token_divergences(model, [(prompt, ids)])
    assert first.scores == pytest.approx(word_scores(tokenizer, texts[0], texts[0], ids, nats), abs=1e-5)
    assert first.prompt_tokens == len(prompt) + len(ids) - 1
    count = generator.usage.calls
    assert ask(generator, requests) == [first, written, *others] and generator.usage.calls == count == 4


def test_a_text_longer_than_the_model_takes_is_named(model, tokenizer):
    [reply] = ask(TransformersGenerator(model, tokenizer), [Request("q", TITLE, "divergence", contrasted="Ge " * 3000)])
    assert reply.finish_reason == "error" and "scoring 'q' needs" in reply.error
    with pytest.raises(UserError, match="contrasted is a blank text"):
        Request("q", TITLE, "divergence", contrasted=" ")
