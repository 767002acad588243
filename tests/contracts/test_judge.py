"""Whatever compares candidates with gold answers keeps the promises of `Judge`."""

import pytest

from hf_selfdemo.core.loading import load
from hf_selfdemo.judging import JUDGES
from hf_selfdemo.testing import JudgeContract


class TestEveryJudge(JudgeContract):
    @pytest.fixture(params=sorted(JUDGES))
    def make(self, request):
        return load("judge", request.param, JUDGES)
