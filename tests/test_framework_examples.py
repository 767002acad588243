"""The examples for LangChain, LlamaIndex and Haystack, as far as these are installed: with a tiny model from their
command line, and with a scripted one for what an answer and an abstention become."""

import runpy
import sys
from pathlib import Path

import pytest

from hf_selfdemo import Passage, RagModel, ScriptedGenerator
from hf_selfdemo.methods.answering import single_prompt

EXAMPLES = Path(__file__).parent.parent / "examples"
QUESTION = "Who discovered germanium?"


def langchain(left, model):
    found = left["InMemoryVectorStore"](left["DeterministicFakeEmbedding"](size=8))
    found.add_documents(left["DOCUMENTS"])
    result = left["rag_chain"](found.as_retriever(search_kwargs={"k": 3}), model).invoke(QUESTION)
    return result["answer"].text, result["answer"].abstained, left["passages_of"](result["documents"])


def llama_index(left, model):
    engine = left["RagQueryEngine"](retriever=left["SummaryIndex"](left["NODES"]).as_retriever(), model=model)
    response = engine.query(QUESTION)
    return response.response, response.metadata["abstained"], left["passages_of"](response.source_nodes)


def haystack(left, model):
    store = left["InMemoryDocumentStore"]()
    store.write_documents(left["DOCUMENTS"])
    pipeline = left["rag_pipeline"](left["InMemoryBM25Retriever"](store, top_k=3), model)
    said = pipeline.run({"retriever": {"query": QUESTION}, "generator": {"query": QUESTION}})["generator"]
    [answer] = said["answers"]
    assert answer.meta["abstained"] is said["abstained"]
    return answer.data, said["abstained"], left["passages_of"](answer.documents)


FRAMEWORKS = [("langchain_core", langchain), ("llama_index.core", llama_index), ("haystack", haystack)]
frameworks = pytest.mark.parametrize(("package", "ask"), FRAMEWORKS, ids=["langchain", "llama_index", "haystack"])


@pytest.fixture
def example(package, ask, monkeypatch):
    """Runs the example of a framework that is installed, and returns the names that it leaves."""
    monkeypatch.setenv("HAYSTACK_TELEMETRY_ENABLED", "False")  # else it reports its use
    pytest.importorskip(package)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [f"{ask.__name__}_rag.py", *arguments])
        name = "__main__" if arguments else "example"
        return runpy.run_path(str(EXAMPLES / f"{ask.__name__}_rag.py"), run_name=name)

    return run


@frameworks
def test_an_example_runs_from_its_command_line(example, model_folder, capsys):
    example(model_folder, QUESTION)
    told = capsys.readouterr().out.strip()
    assert told.startswith(("answers: ", "abstains: ")) and len(told.split()) > 1


@frameworks
@pytest.mark.parametrize(("text", "abstains"), [("Clemens Winkler.", False), ("The passages do not mention it.", True)])
def test_the_model_gets_its_prompt_with_what_was_found_and_may_abstain(example, ask, text, abstains):
    asked = []
    model = RagModel(ScriptedGenerator(lambda request: asked.append(request.messages) or text))
    said, abstained, shown = ask(example(), model)
    assert (said, abstained) == (text, abstains)
    assert asked == [single_prompt(QUESTION, shown)]
    found = {passage.title: passage.text for passage in shown}
    assert len(shown) >= 1 and found["Germanium"] == "Clemens Winkler discovered germanium in 1886."


@frameworks
def test_scores_of_the_retriever_are_handed_on(example, ask, package):
    left = example()
    if package == "langchain_core":
        found = [left["Document"]("text", id="a", metadata={"title": "T", "score": 2.5})]
    elif package == "haystack":
        found = [left["Document"](id="a", content="text", meta={"title": "T"}, score=2.5)]
    else:
        found = [left["NodeWithScore"](node=left["TextNode"](id_="a", text="text", metadata={"title": "T"}), score=2.5)]
    assert left["passages_of"](found) == [Passage("a", "text", "T", 2.5)]
