"""Whatever asks the model a question keeps the promises of `Answerer`."""

import pytest

from hf_selfdemo.core.loading import load
from hf_selfdemo.methods import METHODS
from hf_selfdemo.methods.method import Chosen
from hf_selfdemo.testing import AnswererContract


class TestEveryAnswerer(AnswererContract):
    @pytest.fixture(params=sorted(METHODS))
    def answerer(self, request):
        method = load("method", request.param, METHODS)
        return Chosen(request.param, method, tuple(group() for group in method.keys)).answerer(24, seed=3)
