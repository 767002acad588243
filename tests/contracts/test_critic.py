"""Whatever criticises replies keeps the promises of `Critic`."""

import pytest

from hf_selfdemo.core.loading import load
from hf_selfdemo.methods.critics import CRITICS
from hf_selfdemo.testing import CriticContract


class TestEveryCritic(CriticContract):
    @pytest.fixture(params=sorted(CRITICS))
    def critic(self, request):
        return load("critic", request.param, CRITICS)()
