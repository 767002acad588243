"""A trained model behind a LlamaIndex retriever: a query engine that answers or abstains.

    pip install hf-selfdemo llama-index-core
    python examples/llama_index_rag.py runs/mine/model "Who discovered germanium?"

The index stands for yours; any LlamaIndex retriever will do.
"""

import argparse
from collections.abc import Sequence

from llama_index.core import SummaryIndex
from llama_index.core.base.response.schema import Response
from llama_index.core.query_engine import CustomQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, TextNode

from hf_selfdemo import Passage, RagModel, load_rag_model

NODES = [
    TextNode(id_="1", text="Clemens Winkler discovered germanium in 1886.", metadata={"title": "Germanium"}),
    TextNode(id_="2", text="Bernard Courtois discovered iodine in 1811.", metadata={"title": "Iodine"}),
    TextNode(id_="3", text="Marie Curie named polonium after Poland.", metadata={"title": "Polonium"}),
]


def passages_of(nodes: Sequence[NodeWithScore]) -> list[Passage]:
    """What the retriever found, in its order."""
    return [Passage(found.node_id, found.text, found.metadata.get("title", ""), found.score or 0.0) for found in nodes]


class RagQueryEngine(CustomQueryEngine):
    """Retrieves, asks the model, and tells in the response's `metadata` whether it `abstained`."""

    retriever: BaseRetriever
    model: RagModel

    def custom_query(self, query_str: str) -> Response:
        nodes = self.retriever.retrieve(query_str)
        answer = self.model.answer(query_str, passages_of(nodes))
        told = {"abstained": answer.abstained, "confidence": answer.confidence}
        return Response(answer.text, source_nodes=nodes, metadata=told)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("model", help="folder of the trained model")
    arguments.add_argument("question")
    given = arguments.parse_args()

    retriever = SummaryIndex(NODES).as_retriever()
    engine = RagQueryEngine(retriever=retriever, model=load_rag_model(given.model))
    response = engine.query(given.question)
    print("abstains:" if response.metadata["abstained"] else "answers:", response.response)
