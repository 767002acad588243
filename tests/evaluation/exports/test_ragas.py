"""Rows for ragas: its field names, our contexts and replies."""

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Question
from hf_selfdemo.evaluation.exports.ragas import NO_ANSWER, ragas_row, ragas_rows

SINGLE_TURN_SAMPLE = {
    *("user_input", "retrieved_contexts", "reference_contexts", "retrieved_context_ids", "reference_context_ids"),
    *("response", "multi_responses", "reference", "rubrics", "persona_name", "query_style", "query_length"),
}
"""The fields of ragas' `SingleTurnSample` (0.4.3), which drops others without a word."""


def test_a_row_has_the_fields_of_a_single_turn_sample(row):
    assert ragas_row(row, "It was Winkler.") == {
        "user_input": "Who discovered germanium?",
        "retrieved_contexts": [
            "Germanium: Clemens Winkler discovered it in 1886.",
            "Iodine: Bernard Courtois discovered it in 1811.",
        ],
        "retrieved_context_ids": ["p1", "p2"],
        "response": "It was Winkler.",
        "reference": "Clemens Winkler",
    }
    assert set(ragas_row(row, "")) <= SINGLE_TURN_SAMPLE


def test_every_row_has_a_reference_since_ragas_looks_for_its_columns_in_the_first_alone():
    assert ragas_row(Evidence(Question("q", "Who?")), "Me.")["reference"] == NO_ANSWER


def test_replies_are_put_to_their_rows_or_refused(row):
    twin = Evidence(row.question, row.passages[1:], gold_removed=True)
    replies = [("q1", "It was Winkler."), ("q1#gold_removed", "I don't know.")]
    assert [r["response"] for r in ragas_rows([row, twin], replies)] == ["It was Winkler.", "I don't know."]
    for others in (replies[:1], replies[::-1]):
        with pytest.raises(UserError, match="the replies belong to other questions than those of the recipe"):
            ragas_rows([row, twin], others)
