"""A generator that answers from a script: for tests, examples and dry runs; exact, instant, no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.beginnings import begins_with

_IMPOSSIBLE = -100.0
"""A log-probability that ends up as none at all, and that JSON can hold."""


class ScriptedGenerator:
    """Answers each request with `reply(request)`; words stand in for tokens in the accounting.

    Of texts to be scored the shorter one is the likelier, and of a contrasted text the predictions of longer words
    change more. An opening is certain where the reply begins with it, and as good as impossible elsewhere. A reply that
    begins with what is to be avoided loses its first word, as often as need be, unless the script looks at
    `request.avoid` itself. Nothing tells a reply's log-probability.

    Args:
        reply: from a request to the text the "model" writes. Default: the last message, upper-cased.

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
                yield i, Reply("", "error", error="a script knows no token ids")
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
