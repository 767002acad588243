"""Whatever a text holds, on a card it is text."""

import pytest
from huggingface_hub import RepoCard
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_run import Page

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.hub.card import checked_id, fenced, inline, is_hub_id, wrapped, write_card

TEXTS = st.lists(
    st.sampled_from(
        [*"ab1 `*_|<>&[]()#-~\\\n\r{}%$!:/.@\"'=+>\t", "```", "<b>", "</pre>", "---\n", "http://x.y", "www.x.y", "&lt;"]
    )
).map("".join)
TABLE = {"table", "thead", "tbody", "tr", "th", "td"}


@settings(max_examples=80, deadline=None)
@given(TEXTS)
def test_in_a_table_cell(text):
    page = Page(f"| a | b |\n|---|---|\n| x {inline(text)} y | z |\n")
    assert page.tags == TABLE and page.links == []
    assert " ".join(f"x {text} y".split()) in " ".join(page.text.split())


@settings(max_examples=80, deadline=None)
@given(TEXTS)
def test_in_a_code_block(text):
    page = Page(f"before\n\n{fenced(text)}\n\nafter\n")
    assert page.tags == {"p", "pre", "code"}
    assert text.replace("\r\n", "\n").replace("\r", "\n") in page.text and page.text.endswith("after\n")


@settings(max_examples=80, deadline=None)
@given(TEXTS)
def test_in_the_metadata(text):
    card = RepoCard(write_card("index", {"tags": ["a"], "license": text}, **INDEX))
    assert card.data.to_dict() == {"tags": ["a"]} | ({"license": text} if text else {})
    assert card.text.startswith("\n# x\n")


INDEX = {"repo_id": "me/x", "passages": 1, "terms": 1, "license": "mit", "corpus": "",
         "settings": {"k1": 1, "b": 1, "stemmer": ""}}  # fmt: skip


def test_a_template_that_lacks_a_value_does_not_guess_it():
    with pytest.raises(UserError, match=r"because a manifest of the run lacks a value .*'terms'"):
        write_card("index", {}, **{key: value for key, value in INDEX.items() if key != "terms"})


def test_wrapping_keeps_every_word_and_line():
    text = f"{'one ' * 40}\n\ntwo"
    assert max(map(len, wrapped(text).split("\n"))) <= 90
    assert wrapped(text).split() == text.split() and "\n\ntwo" in wrapped(text)


def test_what_can_be_an_id(tmp_path, monkeypatch):
    (tmp_path / "models/tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("gpt2") and is_hub_id("me/tiny")
    paths = ("", ".", "~/x", "/x/y", "a/b/c", "me/", "models/tiny", "a b", "x..y", "my/questions.jsonl.gz")
    assert not [name for name in paths if is_hub_id(name)]
    for name in ("gpt2", "models/tiny", "../x"):
        with pytest.raises(UserError, match="write it as owner/name"):
            checked_id(name)
