"""Removes thoughts from a reply's text.

Servers without a reasoning parser, and models in process, leave thoughts in the text. They are not part of the reply,
and are neither judged nor trained on. The text outside of all tags is the reply. Everything before a closing tag
without an opening tag is thought. A thought that never ends leaves no reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from hf_selfdemo.core.types import Reply

TAGS = "think|thinks|thinking|thought|thoughts|reasoning|seed:think|mm:think|longcat_think"
"""Names of the tags, as a pattern."""

_PAIRS = {
    r"\[THINK\]": r"\[/THINK\]",  # Mistral
    "◁think▷": "◁/think▷",  # Kimi
    r"<\|channel>": r"<channel\|>",  # Gemma 4
    "<unused94>": "<unused95>",  # MedGemma
    r"\[unused16\]": r"\[unused17\]",  # Pangu
    r"<\|START_THINKING\|>": r"<\|END_THINKING\|>",  # Command A
    r"<\|begin_of_thought\|>": r"<\|end_of_thought\|>",  # OpenThinker
    r"<\|inner_prefix\|>": r"<\|inner_suffix\|>",  # Apertus
    r"\AHere are my reasoning steps:": r"\[BEGIN FINAL RESPONSE\]",  # Apriel
}
_OPENING = f"<(?i:{TAGS})>|{'|'.join(_PAIRS)}"
_CLOSING = f"</(?i:{TAGS})>|{'|'.join(_PAIRS.values())}"
_MARKER = re.compile(rf"(?P<open>{_OPENING})|(?P<close>{_CLOSING})|`(?:{_OPENING}|{_CLOSING})`")
"""Where a thought begins or ends. A tag in backquotes is only mentioned, and does not count."""

_OPEN_AT_END = re.compile(rf"(?:{_OPENING})\s*\Z")

_HARMONY = frozenset(("<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|return|>", "<|call|>", "<|constrain|>"))
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w*)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_END_OF_MESSAGE = re.compile(r"<\|(?:end|return|call)\|>")
_WITHOUT_TAGS = re.compile(
    r"\A(?:analysis|commentary)(?:(?P<final>.*assistantfinal)|(?=[A-Z]))"
    r"|\AHere(?: is|'s) my thought process:(?P<response>.*?Here(?: is|'s) my response:)?",
    re.DOTALL,
)
"""Thoughts without tags, up to the reply: of Harmony if the server drops its tokens
("analysisWe need...assistantfinalNo"), and of Granite."""

_WRAPPED = re.compile(
    r"\A(?:<(?:answer|response)>|<\|START_RESPONSE\|>|<\|begin_of_solution\|>)?(.*?)"
    r"(?:</(?:answer|response)>|<\|END_RESPONSE\|>|<\|end_of_solution\|>|\[END FINAL RESPONSE\])?\Z",
    re.DOTALL,
)
"""Tags that some models put around the reply after their thoughts."""


def settled(reply: Reply) -> Reply:
    """`reply` without the thoughts in its text. `raw` keeps the whole text.

    A reply that has a `raw` text is processed again from it, so that replies in a ledger follow the current rules.

    Example:
        >>> reply = settled(Reply("<think>It says amber.</think>Amber."))
        >>> reply.text, reply.raw
        ('Amber.', '<think>It says amber.</think>Amber.')
    """
    raw = reply.raw or reply.text
    text = without_thoughts(raw)
    return replace(reply, text=text, raw="" if text == raw else raw)


def without_thoughts(text: str) -> str:
    """A text without its thoughts, or "" if they never end.

    Example:
        >>> without_thoughts("It says amber.</think>Amber."), without_thoughts("<think>It says")
        ('Amber.', '')
        >>> without_thoughts("<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>Amber.")
        'Amber.'
    """
    if "<|channel|>" in text:
        return _final_channel(text)
    if thought := _WITHOUT_TAGS.match(text):
        return text[thought.end() :].strip() if thought.lastgroup else ""
    kept: list[str] = []
    start, inside, cut = 0, False, False
    for marker in _MARKER.finditer(text):
        if marker["open"] and not inside:
            kept.append(text[start : marker.start()])
            inside = cut = True
        elif marker["close"]:
            if not inside:  # the prompt opened the thought, so everything before is thought
                kept = []
            start, inside, cut = marker.end(), False, True
    if not cut:
        return text
    left = "" if inside else "".join(kept) + text[start:]
    wrapped = _WRAPPED.match(left.strip())
    return wrapped[1].strip() if wrapped else ""


def opened_thought(prompt: str) -> str:
    """The opening tag of a thought at the end of a prompt, or "" if there is none.

    Example:
        >>> opened_thought("<|assistant|><think>\\n"), opened_thought("<|assistant|><think>\\n\\n</think>\\n\\n")
        ('<think>\\n', '')
    """
    found = _OPEN_AT_END.search(prompt)
    return found.group() if found else ""


def thought_markers(tokens: Iterable[str]) -> set[str]:
    """The tokens of a tokenizer that separate thoughts from the reply.

    Example:
        >>> sorted(thought_markers(["<think>", "<|end|>", "<s>"]))
        ['<think>']
    """
    every = set(tokens)
    harmony = _HARMONY if "<|channel|>" in every else frozenset()
    return {token for token in every if token in harmony or _MARKER.fullmatch(token)}


def _final_channel(text: str) -> str:
    """The message of the last final channel."""
    final = [channel for channel in _CHANNEL.finditer(text) if channel[1] == "final"]
    return _END_OF_MESSAGE.split(text[final[-1].end() :])[0].strip() if final else ""
