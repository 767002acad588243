"""A generator that makes no call twice: it looks into the ledger first, and writes down what it had to ask."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Reply, Request, Usage
from hf_selfdemo.generation.thoughts import settled

_KEPT = ("stop", "length")
_NEVER_EMPTY = "server/"  # how the identities begin of engines whose replies have text


class RecordedGenerator:
    """Wraps any `Generator`; a drop-in for it.

    A call's key is a hash of everything that decides its reply: the generator's identity, the messages, the choices,
    and the sampling (no seed where nothing is sampled). Not of its id or stage, so that equal calls are made once
    whoever asks. Only replies that ended well or were cut off are recorded: after any other the next start asks again.
    So it does where an earlier version recorded that a server had sent no text.

    Args:
        generator: who is asked for what the ledger does not hold.
        ledger: where replies are kept.

    `usage` counts calls that were made now, `reused` those found in the ledger, at what they once cost.

    Example:
        >>> import tempfile; from pathlib import Path
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> ledger = Ledger(Path(tempfile.mkdtemp()) / "ledger.sqlite")
        >>> ask = [Request("1", ({"role": "user", "content": "hello"},), "rag")]
        >>> for _ in range(2):
        ...     generator = RecordedGenerator(ScriptedGenerator(), ledger)
        ...     print(next(generator.stream(ask))[1].text, generator.usage.calls)
        HELLO 1
        HELLO 0
    """

    def __init__(self, generator: Generator, ledger: Ledger) -> None:
        self.generator = generator
        self.ledger = ledger
        self.usage = Usage()
        self.reused = Usage()

    @property
    def identity(self) -> str:
        return self.generator.identity

    @property
    def concurrency(self) -> int:
        return self.generator.concurrency

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        wanted: dict[str, list[int]] = {}
        for i, request in enumerate(requests):
            wanted.setdefault(call_key(self.identity, request), []).append(i)
        missing = []
        for key, places in wanted.items():
            found = self.ledger.get(key)
            if found is not None and not (found.text or found.raw) and self.identity.startswith(_NEVER_EMPTY):
                self.ledger.drop_empty(key)
                found = None
            if found is None:
                missing.append(key)
                continue
            found = _handed_over(requests[places[0]], found)
            self.reused.add(requests[places[0]].stage, found)
            yield from ((i, found) for i in places)
        if not missing:
            return
        for n, reply in self.generator.stream([requests[wanted[key][0]] for key in missing]):
            key = missing[n]
            request = requests[wanted[key][0]]
            if reply.finish_reason in _KEPT:
                reply = self.ledger.put(key, self.identity, request.stage, request.id, reply)
            reply = _handed_over(request, reply)
            self.usage.add(request.stage, reply)
            yield from ((i, reply) for i in wanted[key])


def _handed_over(request: Request, reply: Reply) -> Reply:
    """Without its thoughts, by the rules of today; a choice that was read is what it is."""
    return reply if reply.text in request.choices else settled(reply)


def call_key(identity: str, request: Request) -> str:
    """The name of a call in the ledger: SHA-256 over all that decides the reply."""
    seed = request.seed if request.temperature > 0 and not request.choices else 0
    sampling = (request.choices, request.temperature if not request.choices else 0, request.max_new_tokens, seed)
    return hashlib.sha256(json.dumps([identity, request.messages, sampling]).encode()).hexdigest()
