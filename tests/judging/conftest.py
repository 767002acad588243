"""Driving one dialogue by hand, to see what it asks and when."""

import pytest

from hf_selfdemo.core.types import Reply


@pytest.fixture(scope="session")
def hold():
    """From a dialogue and `say` (a request to a text or a `Reply`) to its result and the requests of each wave."""

    def hold(dialogue, say=None):
        waves, replies = [], None
        try:
            while True:
                waves.append(list(dialogue.send(replies)))
                said = [say(request) for request in waves[-1]]
                replies = [reply if isinstance(reply, Reply) else Reply(reply) for reply in said]
        except StopIteration as end:
            return end.value, waves

    return hold
