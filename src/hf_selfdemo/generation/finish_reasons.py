"""Maps the finish reasons of different servers to ours."""

from __future__ import annotations

from typing import Any

from hf_selfdemo.core.types import FinishReason

_ENDS: dict[str, FinishReason] = {
    "stop": "stop",  # OpenAI, vLLM, SGLang, llama.cpp, Ollama, Gemini (STOP)
    "eos": "stop",  # Together, llama.cpp
    "eos_token": "stop",  # TGI
    "stop_sequence": "stop",  # TGI, Anthropic, Cohere
    "stop_token": "stop",
    "stop_word": "stop",
    "end_turn": "stop",  # Anthropic
    "end_of_turn": "stop",
    "endoftext": "stop",  # AI21
    "complete": "stop",  # Cohere
    "completed": "stop",
    "finish": "stop",  # Bedrock
    "finished": "stop",
    "length": "length",  # OpenAI and most others
    "max_length": "length",
    "max_tokens": "length",  # Anthropic, Gemini (MAX_TOKENS)
    "max_new_tokens": "length",
    "max_output_tokens": "length",
    "max_completion_tokens": "length",
    "token_limit": "length",  # watsonx
    "limit": "length",  # llama.cpp
    "model_length": "length",  # Mistral
    "model_context_window_exceeded": "length",  # Anthropic, Z.ai
}
"""Finish reasons of usable replies, in lower case. Filters, aborts, tool calls and time limits are not among them."""


def finish_reason(said: Any) -> FinishReason:
    """How a reply ended. An unknown or missing finish reason is an error, since the reply may be unusable.

    Args:
        said: the server's `finish_reason`.

    Example:
        >>> [finish_reason(said) for said in ("eos_token", "MAX_TOKENS", "content_filter", None)]
        ['stop', 'length', 'error', 'error']
    """
    return _ENDS.get(said.casefold(), "error") if isinstance(said, str) else "error"
