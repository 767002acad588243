"""A trained model behind a Haystack retriever: a pipeline that answers or abstains.

    pip install hf-selfdemo haystack-ai
    python examples/haystack_rag.py runs/mine/model "Who discovered germanium?"

The document store stands for yours; any Haystack retriever will do.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from haystack import Document, GeneratedAnswer, Pipeline, component
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from hf_selfdemo import Passage, RagModel, load_rag_model

DOCUMENTS = [
    Document(id="1", content="Clemens Winkler discovered germanium in 1886.", meta={"title": "Germanium"}),
    Document(id="2", content="Bernard Courtois discovered iodine in 1811.", meta={"title": "Iodine"}),
    Document(id="3", content="Marie Curie named polonium after Poland.", meta={"title": "Polonium"}),
]


def passages_of(documents: Sequence[Document]) -> list[Passage]:
    """What the retriever found, in its order."""
    return [
        Passage(found.id, found.content or "", found.meta.get("title", ""), found.score or 0.0) for found in documents
    ]


@component
class RagGenerator:
    """Asks the model; `abstained` is an output of its own, so that a router can act on it."""

    def __init__(self, model: RagModel) -> None:
        self.model = model

    @component.output_types(answers=list[GeneratedAnswer], abstained=bool)
    def run(self, query: str, documents: list[Document]) -> dict[str, Any]:
        answer = self.model.answer(query, passages_of(documents))
        told = {"abstained": answer.abstained, "confidence": answer.confidence}
        return {"answers": [GeneratedAnswer(answer.text, query, documents, told)], "abstained": answer.abstained}


def rag_pipeline(retriever: Any, model: RagModel) -> Pipeline:
    """Takes the question as the `query` of both components."""
    pipeline = Pipeline()
    pipeline.add_component("retriever", retriever)
    pipeline.add_component("generator", RagGenerator(model))
    pipeline.connect("retriever.documents", "generator.documents")
    return pipeline


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("model", help="folder of the trained model")
    arguments.add_argument("question")
    given = arguments.parse_args()

    store = InMemoryDocumentStore()
    store.write_documents(DOCUMENTS)
    pipeline = rag_pipeline(InMemoryBM25Retriever(store, top_k=2), load_rag_model(given.model))
    result = pipeline.run({"retriever": {"query": given.question}, "generator": {"query": given.question}})["generator"]
    print("abstains:" if result["abstained"] else "answers:", result["answers"][0].data)
