"""Prompts hold the question and the passages as they are, and nothing that was not handed in."""

import shutil

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage
from hf_selfdemo.prompting.prompts import JUDGED_WITH, SEARCHED_WITH, TEMPLATES, render, templates_hash

CANDIDATES = sorted(f"candidates/{path.stem}" for path in TEMPLATES.glob("candidates/*_[0-9].txt"))
NAMES = ["rag", "closed_book", *CANDIDATES]
WITH_PASSAGES = [name for name in NAMES if "closed_book" not in name]
SYNTAX = [
    "{{ x }}",
    "{{ 7 * 7 }}",
    "{% for a in b %}",
    "{# gone #}",
    "{% include 'rag.txt' %}",
    "<b>&amp; 'quotes' \"too\"</b>",
    "back\\slash \\n",
    "{% raw %}",
    "two\nlines",
]
SHOWN = (Passage("id-1", "First text.", "One"), Passage("id-2", "Second text."))


def content(*arguments, **options):
    [message] = render(*arguments, **options)
    assert message["role"] == "user"
    return message["content"]


def test_every_kind_of_prompt_is_there():
    kinds = {f"candidates/{kind}_{i}" for kind in ("rag", "closed_book", "refusal") for i in (1, 2, 3)}
    assert kinds | {"rag", "closed_book"} <= set(NAMES)


@pytest.mark.parametrize("name", WITH_PASSAGES)
def test_question_title_and_texts_are_shown_best_next_to_the_question(name):
    said = content(name, "Who did it?", SHOWN)
    places = [said.index(text) for text in ("Second text.", "One: First text.", "Who did it?")]
    assert places == sorted(places)
    assert "id-1" not in said, "ids are not for the model"


@pytest.mark.parametrize("name", [name for name in NAMES if "closed_book" in name])
def test_closed_book_prompts_show_no_passage(name):
    assert content(name, "Who did it?", SHOWN) == content(name, "Who did it?")
    assert "Who did it?" in content(name, "Who did it?")


@pytest.mark.parametrize("name", NAMES)
def test_prompts_of_a_kind_differ(name):
    said = content(name, "Who?", SHOWN)
    assert said == said.strip()
    assert "{" not in said
    assert [other for other in NAMES if other.startswith("candidates") and content(other, "Who?", SHOWN) == said][
        1:
    ] == []


@pytest.mark.parametrize("text", SYNTAX)
@pytest.mark.parametrize("name", WITH_PASSAGES)
def test_template_syntax_stays_text(name, text):
    plain = content(name, "QUESTION", [Passage("1", "PASSAGE", "TITLE")])
    said = content(name, f"QUESTION{text}?", [Passage("1", f"PASSAGE{text}.", f"TITLE{text}!")])
    for word, end in (("QUESTION", "?"), ("PASSAGE", "."), ("TITLE", "!")):
        plain = plain.replace(word, f"{word}{text}{end}")
    assert said == plain


@pytest.mark.parametrize("name", WITH_PASSAGES)
def test_a_prompt_without_passages_still_asks(name):
    assert "Who did it?" in content(name, "Who did it?", ())


def test_rendering_takes_no_answer():
    with pytest.raises(TypeError):
        render("rag", "Who?", SHOWN, answers=("Ada",))


@pytest.mark.parametrize("name", ["candidates/rag_9", "", "../templates/rag", "rag.txt"])
def test_an_unknown_template_is_named_with_a_remedy(name):
    with pytest.raises(UserError, match=r"no template .*\.txt in .*: add the template") as caught:
        render(name, "Who?")
    assert f"{name}.txt" in str(caught.value)


def test_an_included_template_that_is_missing_is_named(tmp_path):
    folder = copied(tmp_path)
    (folder / "passages.txt").unlink()
    with pytest.raises(UserError, match=r"no template passages\.txt"):
        render("rag", "Who?", SHOWN, folder)


def copied(tmp_path):
    return shutil.copytree(TEMPLATES, tmp_path / "templates")


def test_a_folder_of_one_s_own_is_read(tmp_path):
    folder = copied(tmp_path)
    (folder / "rag.txt").write_text("Say: {{ question }}")
    assert content("rag", "Who?", SHOWN, folder) == "Say: Who?"
    assert content("rag", "Who?", SHOWN) != "Say: Who?"


def test_a_template_that_wants_something_else_is_an_error(tmp_path):
    folder = copied(tmp_path)
    (folder / "rag.txt").write_text("{{ question }} {{ answers }}")
    with pytest.raises(Exception, match="'answers' is undefined"):
        render("rag", "Who?", SHOWN, folder)


def changed(folder):
    (folder / "rag.txt").write_text((folder / "rag.txt").read_text() + " ")


def included_changed(folder):
    (folder / "passages.txt").write_text("none")


def renamed_among_used(folder):
    (folder / "candidates/rag_1.txt").rename(folder / "candidates/rag_4.txt")


def renamed(folder):
    (folder / "rag.txt").rename(folder / "rag2.txt")


def removed(folder):
    (folder / "rag.txt").unlink()


def added(folder):
    (folder / "new.txt").write_text("")


def moved_between_files(folder):
    first, second = (folder / f"candidates/rag_{i}.txt" for i in (1, 2))
    one, two = first.read_text(), second.read_text()
    first.write_text(two), second.write_text(one)


USED = ["rag.txt", "candidates/rag_?.txt"]


@pytest.mark.parametrize("change", [changed, included_changed, renamed_among_used, moved_between_files])
def test_the_hash_changes_with_any_template_that_is_used(tmp_path, change):
    folder = copied(tmp_path)
    assert templates_hash(USED, folder) == templates_hash(USED)
    change(folder)
    assert templates_hash(USED, folder) != templates_hash(USED)


@pytest.mark.parametrize("change", [renamed, removed])
def test_a_template_that_is_used_and_is_not_there_is_named(tmp_path, change):
    folder = copied(tmp_path)
    change(folder)
    with pytest.raises(UserError, match=r"no template rag\.txt in"):
        templates_hash(USED, folder)


def test_what_is_not_used_changes_no_hash(tmp_path):
    folder = copied(tmp_path)
    added(folder)
    (folder / "notes.md").write_text("x")
    (folder / "closed_book.txt").write_text("Another.")
    assert templates_hash(USED, folder) == templates_hash(USED)


@pytest.mark.parametrize(("room", "named"), [("judging", JUDGED_WITH), ("search", SEARCHED_WITH)])
def test_every_template_that_judges_and_searches_fill_is_named(room, named):
    """A run is known by the templates that are named, so one that is filled and not named could change unseen."""
    assert {name for name in named if name.startswith(f"{room}/")} == {
        path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.glob(f"{room}/*.txt")
    }
