"""Contract tests for your own parts: pytest classes with one test for each requirement of `core.protocols`.

    from hf_selfdemo.testing import JudgeContract

    class TestMyJudge(JudgeContract):
        @pytest.fixture
        def make(self):
            return MyJudge

The package's own parts are tested with the same classes, in `tests/contracts`. They need pytest.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("answerer", "critic", "judge", "retriever", "strategy"))
)

from hf_selfdemo.testing.answerer import AnswererContract  # noqa: E402
from hf_selfdemo.testing.critic import CriticContract  # noqa: E402
from hf_selfdemo.testing.judge import JudgeContract  # noqa: E402
from hf_selfdemo.testing.retriever import RetrieverContract  # noqa: E402
from hf_selfdemo.testing.strategy import StrategyContract  # noqa: E402

__all__ = ["AnswererContract", "CriticContract", "JudgeContract", "RetrieverContract", "StrategyContract"]
