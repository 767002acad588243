"""Whatever asks the model and chooses its replies keeps the promises of `Strategy`."""

import dataclasses

import pytest

from hf_selfdemo.core.loading import load
from hf_selfdemo.methods import METHODS
from hf_selfdemo.methods.pa_rag import PaRag
from hf_selfdemo.methods.self_demo import Choosing, Sampling, SelfDemo
from hf_selfdemo.methods.self_rag import SelfRag
from hf_selfdemo.testing import StrategyContract
from hf_selfdemo.testing.rows import ANSWERABLE
from hf_selfdemo.testing.strategy import labelled, talk


def replaying():
    return SelfDemo(choosing=Choosing(replay_share=0.3))


def eager():
    return SelfDemo(Sampling(further_refusals=2))


TRAINING = [name for name in sorted(METHODS) if load("method", name, METHODS).trains]


class TestEveryStrategy(StrategyContract):
    @pytest.fixture(params=[*TRAINING, replaying, eager])
    def make(self, request):
        """Makes each method's strategy with its defaults, one that also replays, and one that asks again."""
        if callable(request.param):
            return request.param
        return load("method", request.param, METHODS).strategy

    @pytest.fixture
    def sees_gold(self, make):
        methods = [load("method", name, METHODS) for name in TRAINING]
        return any(method.strategy is make and method.sees_gold for method in methods)

    def test_the_winner_of_a_tournament_is_what_is_chosen(self, make):
        """PA-RAG trains verified answers alone, so a winner that is correct; Self-RAG labels all, whoever won."""
        if make not in (PaRag, SelfRag):
            super().test_the_winner_of_a_tournament_is_what_is_chosen(make)
            return
        candidates, verdicts = labelled(talk(make(), ANSWERABLE)[0], ("correct", "incorrect", "abstain"))
        for place, candidate in enumerate(candidates):
            placed = [dataclasses.replace(v, place=1 if i == place else 2) for i, v in enumerate(verdicts)]
            result = make().select(ANSWERABLE, candidates, placed)[0]
            if make is SelfRag:
                assert candidates[0].text in result.response and result.verified
            elif verdicts[place].label != "correct":
                assert (result.response, result.verified) == (candidates[0].text, True)
            else:
                assert result.response == candidate.text and result.source == candidate.source
