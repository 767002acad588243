"""A generator that answers from a script: for tests, examples and dry runs; exact, instant, no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hf_selfdemo.types import Candidate, Request, Usage


class ScriptedGenerator:
    """Answers each request with `reply(request)`; words stand in for tokens in the accounting.

    Args:
        reply: from a request to the text the "model" writes. Default: the last message, upper-cased.

    Example:
        >>> from hf_selfdemo.types import Request
        >>> ask = Request("1", ({"role": "user", "content": "hello"},), "rag", "rag_1")
        >>> ScriptedGenerator().generate([ask])[0].text
        'HELLO'
    """

    def __init__(self, reply: Callable[[Request], str] | None = None) -> None:
        self.reply = reply or (lambda request: request.messages[-1]["content"].upper())
        self.usage = Usage()

    def generate(self, requests: Sequence[Request]) -> list[Candidate]:
        candidates = []
        for request in requests:
            words = self.reply(request).split(" ")
            cut = len(words) > request.max_new_tokens
            text = " ".join(words[: request.max_new_tokens])
            candidates.append(Candidate(text, request.source, request.prompt, "length" if cut else "stop"))
            prompt_tokens = sum(len(m["content"].split()) for m in request.messages)
            self.usage.calls += 1
            self.usage.prompt_tokens += prompt_tokens
            self.usage.prefilled_tokens += prompt_tokens
            self.usage.generated_tokens += min(len(words), request.max_new_tokens)
            self.usage.by_source[request.source] = self.usage.by_source.get(request.source, 0) + 1
        return candidates
