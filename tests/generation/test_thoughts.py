"""Which part of a text is thought, and which the reply."""

import copy
import time
from types import SimpleNamespace

import pytest
import torch
from transformers import AddedToken

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.thoughts import settled, without_thoughts
from hf_selfdemo.generation.transformers import TransformersGenerator


@pytest.mark.parametrize(
    "text",
    [
        "<think>It says amber.</think>Amber.",
        "<think>\n\n</think>\n\nAmber.",
        "It says amber.\n</think>\n\nAmber.",
        "<think>One.</think>\n<think>Two.</think>Amber.",
        "<think>I could write </think> here.</think>Amber.",
        "<think>I could write <think> here.</think>Amber.",
        '<think>It says "amber"</think>Amber.',
        "<Thinking>It says amber.</Thinking>\nAmber.",
        "<thought>It says amber.</thought>Amber.",
        "<reasoning>It says amber.</reasoning>Amber.",
        "<seed:think>It says amber.</seed:think>Amber.",
        "[THINK]It says amber.[/THINK]Amber.",
        "◁think▷It says amber.◁/think▷Amber.",
        "<|channel>thought\nIt says amber.<channel|>Amber.",
        "<unused94>thought\nIt says amber.<unused95>Amber.",
        "<|START_THINKING|>It says amber.<|END_THINKING|><|START_RESPONSE|>Amber.<|END_RESPONSE|>",
        "<|begin_of_thought|>It says.<|end_of_thought|>\n\n<|begin_of_solution|>Amber.<|end_of_solution|>",
        "<think>\nIt says amber.\n</think>\n<answer>\nAmber.\n</answer>",
        "Here is my thought process: It says amber. Here is my response: Amber.",
        "Here are my reasoning steps:\nIt says amber.\n[BEGIN FINAL RESPONSE]\nAmber.\n[END FINAL RESPONSE]",
        "<|channel|>analysis<|message|>It is.<|end|><|start|>assistant<|channel|>final<|message|>Amber.<|return|>",
        "<|channel|>analysis<|message|>Hm.<|end|><|channel|>final <|constrain|>text<|message|>Amber.",
        "<|start|>assistant<|channel|>final<|message|>Amber.",
        "analysisIt says amber. So the final answer is clear.assistantfinalAmber.",
    ],
)
def test_thoughts_are_cut(text):
    assert without_thoughts(text) == "Amber."


@pytest.mark.parametrize(
    "text",
    [
        "<think>It says amber.",
        "<think>Hm.</think>Well. <think>It says amber.",
        "Amber. <think>Or is it",
        "[THINK]It says",
        "<|channel|>analysis<|message|>It says amber.",
        "<|channel|>analysis<|message|>It says.<|end|><|start|>assistant<|channel|>commentary<|message|>Amber.",
        "analysisIt says amber.",
        "Here is my thought process: It says",
        "<think>It says amber.</think>",
        "It says amber.</think>",
    ],
)
def test_thoughts_without_an_end_leave_no_reply(text):
    assert without_thoughts(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Amber.",
        "",
        "I think it is amber.",
        "The tags `<think>` and `</think>` stand around thoughts.",
        "1 < 2 > 0, [NASA], <b>bold</b>",
        "analysis of the passage shows amber",
        "<answer>Amber.</answer>",
        "Here is my response: Amber.",
    ],
)
def test_other_texts_stay_as_they_are(text):
    assert settled(Reply(text)) == Reply(text)


def test_text_before_a_thought_stays():
    assert without_thoughts("Let me see.\n<think>It says amber.</think>\nAmber.") == "Let me see.\n\nAmber."


@pytest.mark.parametrize("piece", ["<think>", "</think>", "<|channel|>", "analysis", "`<think>", "<answer>", "[THINK"])
def test_a_hostile_text_takes_no_longer_than_it_is_long(piece):
    start = time.perf_counter()
    without_thoughts("analysis" + piece * 20_000)
    without_thoughts(piece * 20_000)
    assert time.perf_counter() - start < 2


# --- a model in process ---


@pytest.fixture
def dictate(tokenizer, model):
    """The reply of a model that writes the given text, token by token."""

    def reply(text, *special, template=None, max_new_tokens=64):
        taught = copy.deepcopy(tokenizer)
        taught.add_tokens([AddedToken(token, special=True, normalized=False) for token in special])
        taught.chat_template = template or tokenizer.chat_template
        tokens = [*taught(text, add_special_tokens=False)["input_ids"], taught.eos_token_id]

        class Dictated:
            config, generation_config, device = model.config, model.generation_config, torch.device("cpu")
            get_output_embeddings = torch.nn.Identity
            step = 0

            def __call__(self, input_ids, **rest):
                logits = torch.zeros(input_ids.shape[0], 1, len(taught))
                logits[:, -1, tokens[self.step]] = 1.0
                self.step += 1
                return SimpleNamespace(logits=logits)

        generator = TransformersGenerator(Dictated(), taught, share_prefixes=False)
        asked = Request("q", ({"role": "user", "content": "q"},), "rag", max_new_tokens=max_new_tokens)
        return ask(generator, [asked])[0]

    return reply


def test_tags_are_cut_from_what_a_model_in_process_writes(dictate):
    reply = dictate("<think>Hm.</think>Amber.")
    assert (reply.text, reply.raw, reply.finish_reason) == ("Amber.", "<think>Hm.</think>Amber.", "stop")


def test_tags_that_are_special_tokens_are_seen(dictate):
    assert dictate("<think>Hm.</think>Amber.<|im_start|>", "<think>", "</think>").text == "Amber."
    channels = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Amber."
    assert dictate(channels, "<|channel|>", "<|message|>", "<|start|>", "<|end|>").text == "Amber."
    assert dictate("Amber.<|end|>", "<|end|>").text == "Amber.", "others are left out, as ever"


def test_a_thought_that_the_prompt_opens_ends_in_the_reply_or_leaves_none(dictate, tokenizer):
    opens = tokenizer.chat_template.replace("assistant\n' }}", "assistant\n<think>\n' }}")
    assert opens != tokenizer.chat_template
    assert dictate("Hm.</think>Amber.", template=opens).text == "Amber."
    cut = dictate("It says amber, I think.", template=opens, max_new_tokens=4)
    assert (cut.text, cut.finish_reason) == ("", "length") and cut.raw.startswith("<think>\n")
    empty = tokenizer.chat_template.replace("assistant\n' }}", "assistant\n<think>\n\n</think>\n\n' }}")
    assert dictate("Amber.", template=empty).raw == ""
