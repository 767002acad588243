"""A cross-encoder orders what was found anew, and nothing else; its scores are one finite logit a pair."""

import json
import shutil

import numpy as np
import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.evidence import leave_gold_out
from hf_selfdemo.data.retrieval.reranked import CrossEncoderReranker, RerankedRetriever

CORPUS = [Passage(f"p{i}", "river " * (i + 1), f"title{i}") for i in range(8)]


class ByLength:
    """Scores a pair by the length of its passage, and remembers what it was asked."""

    def __init__(self, sign=1.0):
        self.sign, self.pairs = sign, []

    def scores(self, pairs):
        self.pairs += pairs
        return [self.sign * len(passage) for _, passage in pairs]


class InOrder:
    """Finds the corpus as it is."""

    def retrieve(self, questions, k):
        return [tuple(CORPUS[:k]) if q.text else () for q in questions]


def ids(found):
    return [passage.id for passage in found]


def test_the_best_passages_are_ordered_anew_and_bear_the_rerankers_scores():
    reranker = ByLength()
    found = RerankedRetriever(InOrder(), reranker, 4).retrieve([Question("q", "river?"), Question("r", "")], 2)
    assert [ids(each) for each in found] == [["p3", "p2"], []]
    assert [p.score for p in found[0]] == [len("title3 " + "river " * 4) - 1, len("title2 " + "river " * 3) - 1]
    assert reranker.pairs == [("river?", f"{p.title} {p.text}".strip()) for p in CORPUS[:4]]


def test_where_more_passages_are_asked_for_than_the_depth_all_of_them_are_scored():
    [found] = RerankedRetriever(InOrder(), ByLength(), 2).retrieve([Question("q", "river?")], 5)
    assert ids(found) == ["p4", "p3", "p2", "p1", "p0"]


def test_equal_scores_come_in_the_order_of_ids_and_many_questions_stay_apart():
    questions = [Question(str(i), "river?" if i % 3 else "") for i in range(50)]
    found = RerankedRetriever(InOrder(), ByLength(0.0), 8).retrieve(questions, 3)
    assert [ids(each) for each in found] == [["p0", "p1", "p2"] if i % 3 else [] for i in range(50)]


def test_twins_show_the_rerankers_next_best_as_deep_as_it_takes():
    """All but the shortest hold the answer, so that the search goes deeper than the depth."""
    corpus = [Passage(f"a{i:02d}", "river Danube " + "x" * i) for i in range(30)]
    corpus += [Passage("b", "river"), Passage("c", "river Seine")]
    retriever = RerankedRetriever(BM25Retriever(corpus), ByLength(), 4)
    row = Evidence(Question("q", "Which river?", ("Danube",)))
    [twin] = leave_gold_out([row], retriever, 2)
    assert ids(twin.passages) == ["c", "b"]
    assert leave_gold_out([row], retriever, 2) == [twin]


@pytest.mark.parametrize("scores", [[1.0], [1.0, np.nan, 1.0], [[1.0], [2.0], [3.0]]])
def test_anything_but_one_finite_score_a_pair_is_refused(scores):
    reranker = ByLength()
    reranker.scores = lambda pairs: scores
    with pytest.raises(UserError, match="3 pairs: make the reranker return one finite score per pair"):
        RerankedRetriever(InOrder(), reranker, 3).retrieve([Question("q", "river?")], 1)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: RerankedRetriever("bm25", ByLength()), "the retriever is a str"),
        (lambda: RerankedRetriever(InOrder(), "model"), "the reranker is a str and has no scores"),
        (lambda: RerankedRetriever(InOrder(), ByLength(), 0), "depth is 0: give 1 or more"),
    ],
)
def test_what_cannot_rerank_is_refused(made, words):
    with pytest.raises(UserError, match=words):
        made()


def test_the_scores_of_a_cross_encoder_are_its_logits(reranker_folder):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    pairs = [("Which river?", "The Danube reaches the Black Sea."), ("Who?", "Clemens Winkler " * 40), ("Who?", "")]
    model = AutoModelForSequenceClassification.from_pretrained(reranker_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(reranker_folder)
    with torch.no_grad():
        wanted = [model(**tokenizer(*pair, return_tensors="pt")).logits.item() for pair in pairs]
    assert CrossEncoderReranker(str(reranker_folder)).scores(pairs) == pytest.approx(wanted, abs=1e-5)


def test_a_model_of_several_outputs_or_none_at_all_is_refused(reranker_folder, tmp_path):
    folder = shutil.copytree(reranker_folder, tmp_path / "three")
    config = json.loads((folder / "config.json").read_text())
    labels = {str(i): f"LABEL_{i}" for i in range(3)}
    config |= {"id2label": labels, "label2id": {name: int(i) for i, name in labels.items()}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").unlink()
    from transformers import AutoConfig, AutoModelForSequenceClassification

    AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(folder)).save_pretrained(folder)
    with pytest.raises(UserError, match="has 3 outputs per pair: use a cross-encoder with one"):
        CrossEncoderReranker(str(folder))
    with pytest.raises(UserError, match=r"reranker '/no/where' is not a model folder"):
        CrossEncoderReranker("/no/where")
