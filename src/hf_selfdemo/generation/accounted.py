"""A generator that counts calls and tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Reply, Request, Usage


class AccountedGenerator:
    """Wraps any `Generator` and counts calls and tokens. It does not store replies; `RecordedGenerator` does.

    Args:
        generator: the generator to wrap.

    Example:
        >>> from hf_selfdemo.core.conversation import ask
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> counted = AccountedGenerator(ScriptedGenerator())
        >>> _ = ask(counted, [Request("1", ({"role": "user", "content": "hello"},), "rag")])
        >>> counted.usage.calls, counted.usage.generated_tokens
        (1, 1)
    """

    concurrency = 1
    identity = ""  # nothing is stored under it

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.usage = Usage()

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        for place, reply in self.generator.stream(requests):
            self.usage.add(requests[place].stage, reply)
            yield place, reply
