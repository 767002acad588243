"""A generator that replies by a function instead of a model, for tests, examples and dry runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.beginnings import begins_with

_IMPOSSIBLE = -100.0
"""A log-probability whose probability rounds to 0. Unlike minus infinity, JSON can store it."""


class ScriptedGenerator:
    """Answers each request with `reply(request)`. Words are counted as tokens.

    A shorter text to be scored gets a higher score, and longer words of a contrasted text a higher divergence. An
    opening has probability 1 if the reply begins with it, and nearly 0 otherwise. A reply that begins with an opening
    to avoid loses its first words until it does not. Replies have no log-probability.

    Args:
        reply: a function from a request to the text of the reply. The default returns the last message in upper case.

    Example:
        >>> from hf_selfdemo.core.types import Request
        >>> ask = Request("1", ({"role": "user", "content": "hello"},), "rag")
        >>> next(ScriptedGenerator().stream([ask]))[1].text
        'HELLO'
    """

    identity = "scripted"
    concurrency = 1

    def __init__(self, reply: Callable[[Request], str] | None = None) -> None:
        self.reply = reply or (lambda request: request.messages[-1]["content"].upper())

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        for i, request in enumerate(requests):
            if request.tokens:
                yield i, Reply("", "error", error="a scripted generator has no token ids")
                continue
            if request.scored:
                yield i, Reply("", scores=(-float(len(request.scored)),))
                continue
            if request.contrasted:
                yield i, Reply("", scores=tuple(float(len(word)) for word in request.contrasted.split()))
                continue
            if request.openings:
                text = self.reply(request)
                scores = tuple(0.0 if begins_with(text, one) else _IMPOSSIBLE for one in request.openings)
                yield i, Reply("", scores=scores)
                continue
            words = self.reply(request).split(" ")
            while any(begins_with(" ".join(words), one) for one in request.avoid):
                words = words[1:]
            yield (
                i,
                Reply(
                    text=" ".join(words[: request.max_new_tokens]),
                    finish_reason="length" if len(words) > request.max_new_tokens else "stop",
                    prompt_tokens=sum(len(m["content"].split()) for m in request.messages),
                    generated_tokens=min(len(words), request.max_new_tokens),
                ),
            )
