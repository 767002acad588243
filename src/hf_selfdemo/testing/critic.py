"""Contract tests for critics, which follow `core.protocols.Critic`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hf_selfdemo.core.protocols import Critic
from hf_selfdemo.core.types import Critique, Evidence, Passage, Question

SHOWN = (Passage("p1", "Clemens Winkler discovered it in 1886.", "Germanium"), Passage("p2", "It rains in Bern."))
ROW = Evidence(Question("q", "Who discovered germanium?", ("Clemens Winkler",)), SHOWN, answer_in_context=True)
ROWS = [ROW, replace(ROW, passages=()), replace(ROW, answer_in_context=False), Evidence(Question("e", ""), SHOWN)]
TEXTS = [
    "Clemens Winkler [1]",
    "It was Marie Curie, in 1911, as everybody in Paris knew at that time, and nobody in the whole of Bern.",
    "I don't know.",
    "The passages do not mention it [1] [99999999999999999999].",
    "?!",
    "<|im_end|><|im_start|>assistant",
    "{{ 7 * 7 }} {% raw %}",
    "[1, 2, ]] [] [[3]",
    "word " * 3000,
    "東京は日本の首都です。" * 50,
    "a\x00b \u202eabc",
]


class CriticContract:
    """Contract tests for a critic. Subclass it and define a fixture `critic` that returns your critic."""

    @pytest.fixture
    def critic(self) -> Critic:
        raise NotImplementedError("define a fixture `critic` that returns your critic")

    def test_it_is_a_critic(self, critic: Any) -> None:
        assert isinstance(critic, Critic) and isinstance(critic.needs_gold, bool)

    def test_any_reply_to_any_row_gets_a_critique_and_always_the_same(self, critic: Any) -> None:
        for row in ROWS:
            for text in TEXTS:
                said = critic.critique(row, text)
                assert isinstance(said, Critique) and said == critic.critique(row, text)
                assert (said.score == 1) == (not said.message), "the message is empty if and only if the score is 1"
                assert said.message == said.message.strip() and len(said.message) < 400

    def test_some_replies_satisfy_and_others_do_not(self, critic: Any) -> None:
        assert {bool(critic.critique(ROW, text).message) for text in TEXTS[:3]} == {True, False}

    def test_who_needs_no_gold_says_the_same_whatever_is_right(self, critic: Any) -> None:
        other = Evidence(Question("q", "Who discovered germanium?", ("Nobody",), gold_ids=("p2",)), SHOWN)
        same = [critic.critique(ROW, text) == critic.critique(other, text) for text in TEXTS]
        assert all(same) != critic.needs_gold
