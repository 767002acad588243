"""A generator that makes no call twice: it looks into the ledger first, and writes down what it had to ask."""

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
_NEVER_EMPTY = "server/"  # how the identities begin of engines whose replies have text
_LOOK_AGAIN_S = 0.02
"""A call takes longer, so that waiting for one that another start makes costs nothing."""


class RecordedGenerator:
    """Wraps any `Generator`; a drop-in for it.

    A call's key is a hash of everything that decides its reply: the generator's identity, the messages, the choices,
    the text to be scored or contrasted, the openings, how the reply begins, a method's own tokens, and the sampling (no
    seed where nothing is sampled). Not of its id or stage, so that equal calls are made once whoever asks. Only replies
    that ended well or were cut off are recorded: after any other the next start asks again. So it does where an earlier
    version recorded that a server had sent no text. A call that another thread or process on the same ledger is making
    is waited for.

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
        """The reply that the ledger holds."""
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
        """Replies to calls that nobody else is making; each claim ends when its reply is recorded."""
        open_claims = set(claimed)

        def release(key: str) -> None:
            open_claims.remove(key)
            self.ledger.in_flight.release(key)

        try:
            missing = []
            for key, request in claimed.items():
                if found := self._recorded(key, request):  # who had the claim before has just recorded it
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
    """Without its thoughts, by the rules of today; a choice that was read is what it is."""
    return reply if reply.text in request.choices else settled(reply)


def call_key(identity: str, request: Request) -> str:
    """The name of a call in the ledger: SHA-256 over all that decides the reply."""
    seed = request.seed if request.temperature > 0 and not request.choices else 0
    sampling = (request.choices, request.temperature if not request.choices else 0, request.max_new_tokens, seed)
    later = ("openings", "avoid", "contrasted", "tokens", "added")  # a field that is not set changes no key
    further = [
        *([request.scored] if request.scored else []),
        *({name: said} for name in later if (said := getattr(request, name))),
        *([{"begun": [[part.text, part.trusted] for part in request.begun]}] if request.begun else []),
    ]
    decides = [identity, request.messages, sampling, *further]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()
