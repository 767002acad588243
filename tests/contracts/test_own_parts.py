"""The judge on the page about your own parts passes its contract, as the page tests it; a broken one does not."""

import re
from pathlib import Path

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.types import Evidence, Question, Verdict
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.testing import JudgeContract, RetrieverContract

PAGE = (Path(__file__).parents[2] / "docs" / "own_parts.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
scope = {}
for block in BLOCKS:
    exec(block, scope)

TestContains = scope["TestContains"]  # collected here as a user's own file would be


class TestARetrieverOfPassagesAlone(RetrieverContract):
    @pytest.fixture
    def make(self):
        return BM25Retriever


class Lenient(scope["Contains"]):
    """Labels an empty reply, and takes any reply for right."""

    def verdict(self, text, question):
        return Verdict("correct", "why not")


ROW = Evidence(Question("q", "Who discovered germanium?", ("Winkler",)))


def judged(judge, row, given, say=None):
    return next(converse([judge.judge(row, given)], ScriptedGenerator(say or (lambda request: "?"))))


@pytest.mark.parametrize(
    ("promise", "arguments"),
    [
        ("test_an_empty_text_is_unscored", {"text": ""}),
        ("test_plain_cases", {"text": "Bernard Courtois", "label": "incorrect"}),
        ("test_odd_texts_raise_nothing_and_are_not_right", {"name": "emoji"}),
        ("test_nothing_is_right_where_nothing_is_known_to_be", {"answers": ()}),
    ],
)
def test_a_broken_judge_is_caught(promise, arguments):
    check = getattr(JudgeContract(), promise)
    known = {"row": ROW} if "answers" not in arguments else {}
    check(judge=scope["Contains"](), judged=judged, **known, **arguments)
    with pytest.raises(AssertionError):
        check(judge=Lenient(), judged=judged, **known, **arguments)
