"""Dense search is exact, its index is of one corpus and one encoder, and what was encoded is never encoded again."""

import hashlib
import sys

import numpy as np
import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.retrieval import dense
from hf_selfdemo.data.retrieval.dense import DenseRetriever

CORPUS = [Passage(f"p{i:02d}", f"word{i} word{i % 7}", f"title{i % 3}") for i in range(40)]


class Hashed:
    """An encoder that sums a fixed random vector for each word, and remembers which texts it encoded."""

    def __init__(self, name="hashed", dimensions=16):
        self.identity, self.dimensions, self.texts = name, dimensions, []

    def encode_questions(self, texts):
        return np.stack([sum((self._word(word) for word in text.split()), np.zeros(self.dimensions)) for text in texts])

    def encode_passages(self, texts):
        self.texts += texts
        return self.encode_questions(texts)

    def _word(self, word):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
        return np.random.default_rng(seed).standard_normal(self.dimensions)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(dense, "_BLOCK", 8)


def by_hand(text, k, corpus=CORPUS):
    """The same ranking, by the definition of the cosine."""
    encoder = Hashed()
    [q] = encoder.encode_questions([text])
    found = []
    for p in corpus:
        [v] = encoder.encode_passages([f"{p.title} {p.text}"])
        found.append((-round(float(v @ q / np.linalg.norm(v) / np.linalg.norm(q)), 6), p.id))
    return [name for _, name in sorted(found)][:k]


def ids(found):
    return [passage.id for passage in found]


@pytest.mark.parametrize("k", [1, 5, 40, 1000])
def test_the_ranking_is_that_of_exact_cosines(small_blocks, k):
    retriever = DenseRetriever(CORPUS, Hashed())
    texts = ["word3 title1", "word12", "title2 word5 word6"]
    found = retriever.retrieve([Question(text, text) for text in texts], k)
    assert [ids(each) for each in found] == [by_hand(text, k) for text in texts]
    assert all(-1 <= p.score <= 1 for each in found for p in each)


def test_the_ranking_does_not_depend_on_how_many_scores_are_in_memory(monkeypatch):
    questions = [Question(str(i), f"word{i}") for i in range(9)]
    whole = DenseRetriever(CORPUS, Hashed()).retrieve(questions, 7)
    monkeypatch.setattr(dense, "_SCORES_AT_ONCE", 80)  # two questions at a time
    assert DenseRetriever(CORPUS, Hashed()).retrieve(questions, 7) == whole


def test_passages_of_one_vector_come_in_the_order_of_ids():
    corpus = [Passage(name, "same words") for name in "dbca"] + [Passage("e", "word1")]
    [found] = DenseRetriever(corpus, Hashed()).retrieve([Question("q", "same")], 3)
    assert ids(found) == ["a", "b", "c"] and len({p.score for p in found}) == 1


def test_a_blank_question_finds_nothing_and_a_passage_without_words_is_no_error():
    retriever = DenseRetriever([*CORPUS, Passage("blank", "")], Hashed())
    blank, other, again = retriever.retrieve([Question("b", " \n"), Question("q", "word1"), Question("b", "")], 50)
    assert blank == again == () and len(other) == len(CORPUS) + 1


def test_an_empty_corpus_is_refused():
    with pytest.raises(UserError, match="corpus is empty"):
        DenseRetriever([], Hashed())


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda texts: np.zeros(len(texts)), "an array of shape"),
        (lambda texts: np.zeros((len(texts) - 1, 4)), "an array of shape"),
        (lambda texts: np.full((len(texts), 4), np.nan), "vector of 'p00' is not finite"),
    ],
)
def test_an_encoder_that_gives_anything_but_one_finite_vector_a_text_is_refused(made, words):
    encoder = Hashed()
    encoder.encode_passages = made
    with pytest.raises(UserError, match=words):
        DenseRetriever(CORPUS, encoder)


def test_what_is_no_encoder_is_refused_before_anything_is_encoded(tmp_path):
    with pytest.raises(UserError, match="the encoder is a str and has no identity, encode_questions"):
        DenseRetriever.build_or_load(CORPUS, tmp_path / "index", "all-MiniLM-L6-v2")


def test_questions_of_other_dimensions_than_the_index_are_refused(tmp_path):
    DenseRetriever.build_or_load(CORPUS, tmp_path / "index", Hashed())
    retriever = DenseRetriever.load(tmp_path / "index", Hashed(dimensions=8))
    with pytest.raises(UserError, match="always with 16 dimensions"):
        retriever.retrieve([Question("q", "word1")], 1)


# --- on the disk ------------------------------------------------------------------------------------------------------

ASKED = [Question(text, text) for text in ("word3", "title2 word9", "", "unheard")]


def test_a_saved_index_is_memory_mapped_encodes_no_passage_again_and_finds_the_same(small_blocks, tmp_path):
    built = DenseRetriever.build_or_load(CORPUS, tmp_path / "deep" / "index", Hashed())
    encoder = Hashed()
    loaded = DenseRetriever.build_or_load(CORPUS, tmp_path / "deep" / "index", encoder)
    assert isinstance(loaded.embeddings, np.memmap) and encoder.texts == []
    assert loaded.retrieve(ASKED, 5) == built.retrieve(ASKED, 5) == DenseRetriever(CORPUS, Hashed()).retrieve(ASKED, 5)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["index"]


class Stopped(Exception):
    pass


def stop_after(encoder, calls):
    """The encoder, which dies after so many calls as a kill would."""
    encode, left = encoder.encode_passages, [None] * calls

    def dying(texts):
        if not left:
            raise Stopped
        left.pop()
        return encode(texts)

    encoder.encode_passages = dying
    return encoder


def test_a_build_that_was_stopped_is_no_index_and_goes_on_where_it_was(small_blocks, tmp_path):
    with pytest.raises(Stopped):
        DenseRetriever.build_or_load(CORPUS, tmp_path / "index", stop_after(Hashed(), 3))
    with pytest.raises(UserError, match="no readable index"):
        DenseRetriever.load(tmp_path / "index", Hashed())
    encoder = Hashed()
    found = DenseRetriever.build_or_load(CORPUS, tmp_path / "index", encoder).retrieve(ASKED, 5)
    assert encoder.texts == [f"{p.title} {p.text}" for p in CORPUS[24:]]
    assert found == DenseRetriever(CORPUS, Hashed()).retrieve(ASKED, 5)
    assert [p.name for p in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize("how", ["flipped", "torn", "empty"])
def test_a_damaged_block_of_a_stopped_build_is_encoded_again(small_blocks, tmp_path, how):
    with pytest.raises(Stopped):
        DenseRetriever.build_or_load(CORPUS, tmp_path / "index", stop_after(Hashed(), 3))
    block = sorted(tmp_path.glob(".index.*.half/*"))[1]
    content = bytearray(block.read_bytes())
    content[len(content) // 2] ^= 1
    block.write_bytes({"flipped": bytes(content), "torn": bytes(content[: len(content) // 2]), "empty": b""}[how])
    encoder = Hashed()
    found = DenseRetriever.build_or_load(CORPUS, tmp_path / "index", encoder).retrieve(ASKED, 5)
    assert encoder.texts == [f"{p.title} {p.text}" for p in [*CORPUS[8:16], *CORPUS[24:]]]
    assert found == DenseRetriever(CORPUS, Hashed()).retrieve(ASKED, 5)


@pytest.mark.parametrize("other", [{"name": "other"}, {"corpus": CORPUS[1:]}])
def test_a_stopped_build_of_another_corpus_or_encoder_is_left_alone(small_blocks, tmp_path, other):
    with pytest.raises(Stopped):
        DenseRetriever.build_or_load(CORPUS, tmp_path / "index", stop_after(Hashed(), 3))
    encoder, corpus = Hashed(other.get("name", "hashed")), other.get("corpus", CORPUS)
    DenseRetriever.build_or_load(corpus, tmp_path / "index", encoder)
    assert len(encoder.texts) == len(corpus)


def test_an_index_of_another_encoder_is_refused_by_name_and_kept(tmp_path):
    DenseRetriever.build_or_load(CORPUS, tmp_path / "index", Hashed("one"))
    with pytest.raises(UserError, match="was built with one, not with other: choose another folder"):
        DenseRetriever.build_or_load(CORPUS, tmp_path / "index", Hashed("other"))
    assert list(DenseRetriever.load(tmp_path / "index", Hashed("one")).passages) == CORPUS


@pytest.mark.parametrize("other", [CORPUS[1:], CORPUS[::-1], [*CORPUS, Passage("z", "word1")]])
def test_an_index_of_another_corpus_is_refused_by_name_and_kept(tmp_path, other):
    DenseRetriever.build_or_load(CORPUS, tmp_path / "index", Hashed())
    with pytest.raises(UserError, match=r"another corpus or for another kind of search: choose another folder"):
        DenseRetriever.build_or_load(other, tmp_path / "index", Hashed())
    assert list(DenseRetriever.load(tmp_path / "index", Hashed()).passages) == CORPUS


@pytest.mark.parametrize("name", ["embeddings.npy", "passages.jsonl", "hf_selfdemo.json"])
@pytest.mark.parametrize("how", ["missing", "torn", "flipped"])
def test_a_damaged_index_is_never_searched_and_is_built_again(tmp_path, name, how):
    DenseRetriever.build_or_load(CORPUS, tmp_path / "index", Hashed())
    path = tmp_path / "index" / name
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(content if how == "flipped" else content[: len(content) // 2])
    with pytest.raises(UserError, match=r"no readable index.*delete the folder"):
        DenseRetriever.load(tmp_path / "index", Hashed())
    if name == "hf_selfdemo.json" and how == "missing":  # nothing tells that these are files of an index
        with pytest.raises(UserError, match="contains files that are not an index"):
            DenseRetriever.build_or_load(CORPUS, tmp_path / "index", Hashed())
        return
    assert DenseRetriever.build_or_load(CORPUS, tmp_path / "index", Hashed()).retrieve(ASKED, 5) == DenseRetriever(
        CORPUS, Hashed()
    ).retrieve(ASKED, 5)


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    encoder = Hashed()
    with pytest.raises(UserError, match=r"not an index.*another folder"):
        DenseRetriever.build_or_load(CORPUS, tmp_path, encoder)
    assert encoder.texts == [] and (tmp_path / "notes.txt").read_text() == "mine"


# --- a graph beyond what is scanned -----------------------------------------------------------------------------------

MANY = [Passage(f"p{i:04d}", f"word{i} word{i % 97} word{i % 31}") for i in range(2000)]


def test_a_graph_finds_nearly_all_that_a_scan_finds_with_the_same_scores():
    questions = [Question(f"q{i}", f"word{i * 19} word{i}") for i in range(50)]
    exact = DenseRetriever(MANY, Hashed()).retrieve(questions, 10)
    found = DenseRetriever(MANY, Hashed(), exact_up_to=1999).retrieve(questions, 10)
    shared = sum(len(set(ids(one)) & set(ids(other))) for one, other in zip(exact, found, strict=True))
    assert shared >= 0.95 * 10 * len(questions)
    scores = {(q, p.id): p.score for q, each in enumerate(exact) for p in each}
    assert all(scores.get((q, p.id), p.score) == p.score for q, each in enumerate(found) for p in each)
    assert all([p.score for p in each] == sorted((p.score for p in each), reverse=True) for each in found)


def test_what_a_graph_does_not_lead_to_is_found_by_a_scan():
    [found] = DenseRetriever(MANY, Hashed(), exact_up_to=10).retrieve([Question("q", "word3")], 5000)
    assert len({p.id for p in found}) == len(MANY)


def test_a_saved_graph_is_loaded_and_checked_as_the_vectors_are(tmp_path):
    built = DenseRetriever.build_or_load(CORPUS, tmp_path / "index", Hashed(), exact_up_to=10)
    encoder = Hashed()
    loaded = DenseRetriever.build_or_load(CORPUS, tmp_path / "index", encoder, exact_up_to=10)
    assert encoder.texts == [] and loaded.retrieve(ASKED, 5) == built.retrieve(ASKED, 5)
    with pytest.raises(UserError, match="kind of search"):
        DenseRetriever.build_or_load(CORPUS, tmp_path / "index", Hashed())
    graph = tmp_path / "index" / "graph.usearch"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match=r"no readable index \(graph\.usearch was changed since it was written"):
        DenseRetriever.load(tmp_path / "index", Hashed())


def test_without_usearch_the_extra_is_named_before_anything_is_encoded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    encoder = Hashed()
    with pytest.raises(UserError, match=r"needs usearch: pip install 'hf-selfdemo\[dense\]'"):
        DenseRetriever.build_or_load(CORPUS, tmp_path / "index", encoder, exact_up_to=10)
    assert encoder.texts == []
