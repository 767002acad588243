"""Retrievers, which find the passages of a question. They follow the `Retriever` protocol."""

RETRIEVERS = {
    "bm25": "hf_selfdemo.data.retrieval.bm25:BM25Retriever",
    "dense": "hf_selfdemo.data.retrieval.dense:DenseRetriever",
    "given": "hf_selfdemo.data.retrieval.given:GivenRetriever",
    "hybrid": "hf_selfdemo.data.retrieval.hybrid:HybridRetriever",
}
