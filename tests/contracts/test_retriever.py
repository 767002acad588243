"""Whatever finds passages keeps the promises of `Retriever`."""

import pytest

from hf_selfdemo.core.types import Question
from hf_selfdemo.data.retrieval import RETRIEVERS
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.dense import DenseRetriever
from hf_selfdemo.data.retrieval.encoder import SentenceEncoder
from hf_selfdemo.data.retrieval.given import GivenRetriever
from hf_selfdemo.data.retrieval.hybrid import HybridRetriever
from hf_selfdemo.data.retrieval.reranked import CrossEncoderReranker, RerankedRetriever
from hf_selfdemo.testing import RetrieverContract
from hf_selfdemo.testing.retriever import CORPUS, TEXTS

MADE = {
    "bm25": lambda encoder, reranker: BM25Retriever(CORPUS),
    "dense": lambda encoder, reranker: DenseRetriever(CORPUS, encoder),
    "given": lambda encoder, reranker: GivenRetriever(),
    "hybrid": lambda encoder, reranker: HybridRetriever([BM25Retriever(CORPUS), DenseRetriever(CORPUS, encoder)]),
    "reranked": lambda encoder, reranker: RerankedRetriever(BM25Retriever(CORPUS), reranker),
    "reranked dense": lambda encoder, reranker: RerankedRetriever(DenseRetriever(CORPUS, encoder), reranker),
}


@pytest.fixture(scope="module")
def models(encoder_folder, reranker_folder):
    return SentenceEncoder(str(encoder_folder)), CrossEncoderReranker(str(reranker_folder))


class TestEveryRetriever(RetrieverContract):
    @pytest.fixture(params=MADE)
    def made(self, request, models):
        """An implementation over `CORPUS`, and questions as it wants them."""
        own = {"passages": tuple(CORPUS)} if request.param == "given" else {}
        return MADE[request.param](*models), [Question(f"q{i}", text, **own) for i, text in enumerate(TEXTS)]


def test_all_retrievers_are_here():
    assert MADE.keys() >= RETRIEVERS.keys()
