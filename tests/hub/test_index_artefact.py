"""A pushed index: bm25s alone finds with it what the package finds."""

import huggingface_hub
import pytest
from bm25s.hf import BM25HF
from huggingface_hub import ModelCard
from made_up_run import DATA, HOSTILE, Page, code_blocks, written

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.questions import read_questions
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.hub.index import index_artefact


@pytest.fixture(scope="module")
def retriever(passages):
    return BM25Retriever([*passages, Passage("evil", f"Zirkelium. {HOSTILE}", f"--- {HOSTILE}")])


@pytest.fixture(scope="module")
def index(retriever, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "train"
    retriever.save(folder)
    return folder


@pytest.fixture(scope="module")
def repository(index, tmp_path_factory):
    return written(index_artefact(index, "me/index", data=DATA), tmp_path_factory.mktemp("repository"))


@pytest.fixture
def downloads(repository, monkeypatch):
    """A Hub that holds this one repository."""
    info = lambda *_, **__: "known"  # noqa: E731
    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", info)
    monkeypatch.setattr(huggingface_hub.HfApi, "snapshot_download", lambda *_, **__: str(repository))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_: str(repository))


def test_the_package_finds_the_same_with_a_downloaded_copy(retriever, repository, questions):
    copy = BM25Retriever.load(repository)
    assert copy.retrieve(questions[:20], 3) == retriever.retrieve(questions[:20], 3)


def test_the_card_finds_with_either_library_what_it_asks_for(retriever, repository, downloads, capsys):
    best = retriever.retrieve([Question("1", "Who discovered germanium?")], 3)[0]
    ours, bare = code_blocks((repository / "README.md").read_text(encoding="utf-8"))
    exec(compile(ours, "card", "exec"), {})
    assert capsys.readouterr().out.splitlines() == [f"{p.score} {p.title} {p.text}" for p in best]
    exec(compile(bare, "card", "exec"), found := {})
    assert [p["id"] for p in found["passages"][0]] == [p.id for p in best]


def test_bm25s_alone_ranks_questions_as_the_package_does(retriever, repository, downloads):
    code = code_blocks((repository / "README.md").read_text(encoding="utf-8"))[1]
    exec(compile(code, "card", "exec"), found := {})
    asked = [q for split in ("train", "test") for q in read_questions("embedded", split)]
    same = 0
    for question, best in zip(asked, retriever.retrieve(asked, 1), strict=True):
        scores = found["retriever"].retrieve(found["terms"](question.text), k=1, show_progress=False).scores
        same += abs(float(scores[0, 0]) - best[0].score) < 1e-3
    assert same == len(asked) > 100


def test_the_stock_loader_reads_index_and_corpus(repository, downloads, retriever):
    for mmap in (False, True):
        found = BM25HF.load_from_hub("me/index", load_corpus=True, mmap=mmap)
        assert found.scores["num_docs"] == len(retriever.passages) == len(found.corpus)
        assert found.corpus[0]["text"] == retriever.passages[0].text


def test_the_card_is_valid_and_its_text_plain(repository, index, retriever):
    card = (repository / "README.md").read_text(encoding="utf-8")
    data = ModelCard(card).data.to_dict()
    assert data["license"] == "apache-2.0" and data["library_name"] == "bm25s"
    assert f"over {len(retriever.passages)} passages" in Page(card).text and "stemmed (English" in Page(card).text
    assert str(index) not in card and str(repository) not in card


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"data": {"train_corpus": "/data/wiki.jsonl"}}, "the licence of the source text is not known"),
        ({"repo_id": "index"}, "'index' is not a repository id"),
    ],
)
def test_mistakes_are_one_line(index, keys, message):
    with pytest.raises(UserError, match=message):
        index_artefact(index, **{"repo_id": "me/index", "data": DATA} | keys)


def test_a_corpus_of_ones_own_is_named_without_its_folder(index):
    card = index_artefact(index, "me/index", data={"train_corpus": "/data/wiki.jsonl"}, license="other").files[
        "README.md"
    ]
    assert "`wiki.jsonl`" in card and "/data" not in card and "Ask the owner" in card


def test_a_folder_that_holds_no_index_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"contains no BM25 index \(hf_selfdemo\.json is missing\)"):
        index_artefact(tmp_path, "me/index", data=DATA)
