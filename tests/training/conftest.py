"""Dev rows for all that asks a model in training."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.rows import evidence_row


@pytest.fixture
def dev_evidence() -> list[Evidence]:
    """Two questions whose passages hold the answer, one whose passage does not, one nobody can answer, one twin."""
    passages = (
        Passage("p1", "Clemens Winkler discovered germanium in 1886.", "Germanium", 2.0),
        Passage("p2", "Bernard Courtois discovered iodine in 1811, in the ashes of seaweed.", "Iodine", 1.0),
    )
    winkler = Question("q1", "Who discovered germanium?", ("Clemens Winkler", "Winkler"))
    return [
        Evidence(winkler, passages, answer_in_context=True),
        Evidence(Question("q2", "Who discovered iodine?", ("Courtois",)), passages[::-1], answer_in_context=True),
        Evidence(Question("q3", "Who discovered gallium?", ("Lecoq de Boisbaudran",)), passages[:1]),
        Evidence(Question("q4", "Who discovered zirkelium?", answerable=False), passages[1:]),
        replace(Evidence(winkler, passages[1:]), gold_removed=True),
    ]


@pytest.fixture
def dev_rows(dev_evidence):
    return [evidence_row(evidence) for evidence in dev_evidence]
