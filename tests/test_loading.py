"""A name in a table becomes a class; a misspelt one is answered with the near match."""

import pytest

from hf_selfdemo.errors import UserError
from hf_selfdemo.judging import JUDGES
from hf_selfdemo.loading import did_you_mean, load
from hf_selfdemo.retrieval import RETRIEVERS
from hf_selfdemo.strategies import STRATEGIES

TABLES = {"judge": JUDGES, "retriever": RETRIEVERS, "strategy": STRATEGIES}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, table in TABLES.items() for name in table])
def test_every_entry_leads_to_its_class(kind, name):
    entry = TABLES[kind][name]
    found = load(kind, name, TABLES[kind])
    assert isinstance(found, type)
    assert f"{found.__module__}:{found.__name__}" == entry


@pytest.mark.parametrize(
    ("name", "words"),
    [("bm52", "did you mean 'bm25'"), ("Given", "did you mean 'given'"), ("dpr", "known are bm25, given")],
)
def test_an_unknown_name_gets_a_remedy(name, words):
    with pytest.raises(UserError, match=f"unknown retriever '{name}': {words}"):
        load("retriever", name, {"given": "no.such.module:X", "bm25": "no.such.module:Y"})


@pytest.mark.parametrize(
    ("word", "known", "remedy"),
    [
        ("lora_rank", ["lora_r", "seed"], "did you mean 'lora_r'?"),
        ("zzz", ["b", "a"], "known are a, b"),
        ("answer", ["answers", "question"], "did you mean 'answers'?"),
    ],
)
def test_did_you_mean(word, known, remedy):
    assert did_you_mean(word, known) == remedy
