"""A trained model behind a LangChain retriever: one chain from the question to an answer or an abstention.

    pip install hf-selfdemo langchain-core
    python examples/langchain_rag.py runs/mine/model "Who discovered germanium?"

The vector store and its embeddings stand for yours; any LangChain retriever will do.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from hf_selfdemo import Passage, RagModel, load_rag_model

DOCUMENTS = [
    Document("Clemens Winkler discovered germanium in 1886.", id="1", metadata={"title": "Germanium"}),
    Document("Bernard Courtois discovered iodine in 1811.", id="2", metadata={"title": "Iodine"}),
    Document("Marie Curie named polonium after Poland.", id="3", metadata={"title": "Polonium"}),
]


def passages_of(documents: Sequence[Document]) -> list[Passage]:
    """What the retriever found, in its order."""
    return [
        Passage(str(found.id), found.page_content, found.metadata.get("title", ""), found.metadata.get("score", 0.0))
        for found in documents
    ]


def rag_chain(retriever: BaseRetriever, model: RagModel) -> Runnable[str, dict[str, Any]]:
    """Takes a question and returns it with the `documents` and the `answer`, which has `text` and `abstained`."""
    found = RunnableParallel(question=RunnablePassthrough(), documents=retriever)
    ask = RunnableLambda(lambda row: model.answer(row["question"], passages_of(row["documents"])))
    return found | RunnablePassthrough.assign(answer=ask)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("model", help="folder of the trained model")
    arguments.add_argument("question")
    given = arguments.parse_args()

    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=64))
    store.add_documents(DOCUMENTS)
    chain = rag_chain(store.as_retriever(search_kwargs={"k": 2}), load_rag_model(given.model))
    result = chain.invoke(given.question)
    print("abstains:" if result["answer"].abstained else "answers:", result["answer"].text)
