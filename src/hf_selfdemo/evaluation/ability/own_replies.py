"""Drift from the base model: how likely its own replies to unrelated instructions are after training.

The base model answers instructions that have nothing to do with the training, with greedy decoding. The likelihood of
each reply is then measured under the base model and under each trained model. If nats per token rise, the model no
longer replies as before, for better or worse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Message, Reply, Request
from hf_selfdemo.data.questions import dig, read_rows
from hf_selfdemo.generation.likelihood import text_nll
from hf_selfdemo.prompting.chat import encode_prompt, encode_response

_CHUNK = 24
"""Number of replies between two progress updates."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction: the turns of a chat before the assistant's first reply."""

    id: str
    messages: tuple[Message, ...]


def read_instructions(
    source: str, split: str = "test", columns: Sequence[str] = ("instruction",), dataset_config: str | None = None
) -> list[Instruction]:
    """Read instructions in the order of the source.

    Args:
        source: "embedded", a file (.jsonl, .json, both also .gz, .parquet), a dataset folder, or a Hub id.
        split: the split to read, if the source has splits.
        columns: one column with a text or a list of chat turns, or several with texts, which are joined by blank lines
            without the empty ones, e.g. `("instruction", "input")`.
        dataset_config: configuration of the Hub dataset.

    Raises:
        UserError: for a missing file or column, an empty source, or, naming the row, a row without an instruction.

    Example:
        >>> read_instructions("embedded")[0].messages
        ({'role': 'user', 'content': 'Explain in two sentences why the sky looks blue.'},)
    """
    if not columns:
        raise UserError("instruction_columns is empty", "set it to the column with the instruction")
    return [
        Instruction(str(number if row.get("id") is None else row["id"]), _messages(row, columns, where))
        for number, where, row in read_rows(source, split, dataset_config, embedded="instructions.jsonl")
    ]


def own_replies(
    instructions: Sequence[Instruction],
    generator: Generator,
    max_new_tokens: int = 64,
    on_progress: Callable[[int], None] = lambda replies: None,
) -> list[Reply]:
    """Greedy replies of the model before training.

    Args:
        instructions: the instructions.
        generator: the base model. Wrap it in a `RecordedGenerator` to generate each reply only once.
        max_new_tokens: longest reply in tokens; longer replies are truncated.
        on_progress: called with 1 for every reply.

    Example:
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> own_replies([Instruction("1", ({"role": "user", "content": "hello"},))], ScriptedGenerator())[0].text
        'HELLO'
    """
    requests = [Request(one.id, one.messages, "own reply", 0.0, max_new_tokens) for one in instructions]
    replies: dict[int, Reply] = {}
    for i, reply in generator.stream(requests) if requests else ():
        replies[i] = reply
        on_progress(1)
    return [replies[i] for i in range(len(requests))]


def reply_nll(
    model: Any,
    tokenizer: Any,
    instructions: Sequence[Instruction],
    replies: Sequence[Reply],
    on_progress: Callable[[int], None] = lambda replies: None,
) -> list[tuple[float, int]]:
    """Negative log-likelihood of replies, including the stop token of replies that are complete.

    Replies are encoded again from their text, so that the last token of a truncated reply may differ from the generated
    one.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer, with a chat template.
        instructions: the instructions.
        replies: one reply per instruction.
        on_progress: called with the number of replies measured since the last call.

    Returns:
        For each reply the sum over its tokens in nats, and the number of tokens; (0.0, 0) for a failed call.
    """
    measured: list[tuple[float, int]] = []
    pairs = list(zip(instructions, replies, strict=True))
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        texts = [(encode_prompt(tokenizer, one.messages), _reply_ids(tokenizer, reply)) for one, reply in chunk]
        losses = iter(text_nll(model, [text for text in texts if text[1]]))
        measured += [(next(losses) if reply else 0.0, len(reply)) for _, reply in texts]
        on_progress(len(chunk))
    return measured


def _reply_ids(tokenizer: Any, reply: Reply) -> list[int]:
    if reply.finish_reason == "error":
        return []
    ids = encode_response(tokenizer, reply.text)
    return ids if reply.finish_reason == "stop" else ids[:-1]


def _messages(row: dict[str, Any], columns: Sequence[str], where: str) -> tuple[Message, ...]:
    values = [dig(row, column, where) for column in columns]
    if len(values) == 1 and isinstance(values[0], list):
        return _asked(values[0], columns[0], where)
    texts = [value.strip() for value in values if isinstance(value, str) and value.strip()]
    if not texts:
        raise UserError(f"{where} has no instruction in {', '.join(columns)}", "fill it in or drop the row")
    return ({"role": "user", "content": "\n\n".join(texts)},)


def _asked(turns: list[Any], column: str, where: str) -> tuple[Message, ...]:
    """The turns of a chat before the assistant's first."""
    if not all(isinstance(t, dict) and isinstance(t.get("content"), str) and t.get("role") for t in turns):
        raise UserError(f"{where}: {column!r} is not a list of chat turns", "give each turn a `role` and a `content`")
    roles = [turn["role"] for turn in turns]
    until = roles.index("assistant") if "assistant" in roles else len(turns)
    if "user" not in roles[:until]:
        raise UserError(f"{where}: {column!r} has no user turn before the first assistant turn", "drop the row")
    return tuple({"role": turn["role"], "content": turn["content"]} for turn in turns[:until])
