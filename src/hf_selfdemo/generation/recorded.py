"""A generator that makes no call twice: it looks in the generation cache (ledger) first, and stores each new reply."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence

from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Reply, Request, Usage
from hf_selfdemo.generation.thoughts import settled

_KEPT = ("stop", "length")
_NEVER_EMPTY = "server/"  # the prefix of identities of generators whose replies always have text
_LOOK_AGAIN_S = 0.02
"""Interval at which a call of another process is checked. Calls take longer, so it costs no time."""


class RecordedGenerator:
    """Wraps any `Generator`, can be used in its place, and stores its replies in a ledger.

    A call's key is a hash of everything that affects its reply: the generator's identity, the messages, the choices,
    the text to be scored or contrasted, the openings, the begun reply, the method's own tokens, and the sampling
    parameters (the seed only if the reply is sampled). The request's id and stage are not part of it, so equal calls
    are made once. Only complete and truncated replies are stored. After an error, the next run makes the call again. It
    also repeats calls for which an earlier version stored an empty reply of a server. If another thread or process with
    the same ledger is making a call, its reply is awaited.

    Args:
        generator: the generator that makes calls which the ledger does not contain.
        ledger: the ledger that stores replies.

    `usage` counts the calls made now. `reused` counts those found in the ledger, with their original numbers of tokens.

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
            if found := self._recorded(key, requests[places[0]]):
                yield from ((i, found) for i in places)
            else:
                missing.append(key)
        while missing:
            claimed = [key for key in missing if self.ledger.in_flight.claim(key)]
            missing = [key for key in missing if key not in set(claimed)]
            for key, reply in self._made({key: requests[wanted[key][0]] for key in claimed}):
                yield from ((i, reply) for i in wanted[key])
            if missing:  # another thread or process is making these calls
                time.sleep(_LOOK_AGAIN_S)

    def _recorded(self, key: str, request: Request) -> Reply | None:
        """The reply in the ledger, or None."""
        found = self.ledger.get(key)
        if found is None:
            return None
        if not (found.text or found.raw) and self.identity.startswith(_NEVER_EMPTY):
            self.ledger.drop_empty(key)
            return None
        found = _handed_over(request, found)
        self.reused.add(request.stage, found)
        return found

    def _made(self, claimed: dict[str, Request]) -> Iterator[tuple[str, Reply]]:
        """Make the claimed calls. Each claim is released when its reply is stored."""
        open_claims = set(claimed)

        def release(key: str) -> None:
            open_claims.remove(key)
            self.ledger.in_flight.release(key)

        try:
            missing = []
            for key, request in claimed.items():
                if found := self._recorded(key, request):  # another process stored it just before the claim
                    release(key)
                    yield key, found
                else:
                    missing.append(key)
            for n, reply in self.generator.stream([claimed[key] for key in missing]) if missing else ():
                key, request = missing[n], claimed[missing[n]]
                if reply.finish_reason in _KEPT:
                    reply = self.ledger.put(key, self.identity, request.stage, request.id, reply)
                release(key)
                reply = _handed_over(request, reply)
                self.usage.add(request.stage, reply)
                yield key, reply
        finally:
            for key in tuple(open_claims):
                release(key)


def _handed_over(request: Request, reply: Reply) -> Reply:
    """The reply without its thoughts, by the current rules. A reply that is one of the choices is unchanged."""
    return reply if reply.text in request.choices else settled(reply)


def call_key(identity: str, request: Request) -> str:
    """The key of a call in the ledger: SHA-256 over everything that affects the reply."""
    seed = request.seed if request.temperature > 0 and not request.choices else 0
    sampling = (request.choices, request.temperature if not request.choices else 0, request.max_new_tokens, seed)
    later = ("openings", "avoid", "contrasted", "tokens", "added")  # a field that is not set does not change the key
    further = [
        *([request.scored] if request.scored else []),
        *({name: said} for name in later if (said := getattr(request, name))),
        *([{"begun": [[part.text, part.trusted] for part in request.begun]}] if request.begun else []),
    ]
    decides = [identity, request.messages, sampling, *further]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()
