"""The page about data formats shows files that are read as it says, and messages that are given."""

import re
from pathlib import Path

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage
from hf_selfdemo.data.questions import PRESETS, read_passages, read_questions
from hf_selfdemo.data.questions.columns import ROLES
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.verbs.cli import parse

PAGE = (Path(__file__).parents[3] / "docs" / "data_formats.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`(\w+\.\w+)`(?:, [^\n]*)?:\n\n```(?:json|text)\n(.*?)```", PAGE, re.DOTALL))
ANSWERS = ("Winkler", "Clemens Winkler")


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """All files of the page, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")


def test_a_question_is_the_same_in_every_format():
    names = [name for name in FILES if name.startswith("questions.")]
    assert names == ["questions.jsonl", "questions.json", "questions.csv", "questions.tsv"]
    for name in names:
        [question] = read_questions(name, list_separator="|" if name[-3:] in ("csv", "tsv") else "")
        assert (question.id, question.text) == ("q1", "Who discovered germanium?"), name
        assert (question.answers, question.gold_ids) == (ANSWERS, ("p1",)), name


def test_a_passage_is_the_same_in_every_format():
    expected = [Passage("p1", "Clemens Winkler discovered germanium in 1886.", "Germanium")]
    assert read_passages("corpus.jsonl") == read_passages("corpus.csv") == expected
    [question] = read_questions("given.jsonl", columns=["passages=ctxs"])
    assert [(p.title, p.text) for p in question.passages] == [("Germanium", "Clemens Winkler did.")]


def test_the_recipe_reads_files_with_other_columns():
    [recipe] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    Path("recipe.yaml").write_text(recipe)
    [row] = recipe_evidence(parse(["--config", "recipe.yaml"]), "test")[0]
    assert row.question.answers == ANSWERS and [(p.id, p.title) for p in row.passages] == [("p1", "Germanium")]


def test_python_examples_run(capsys):
    [block] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(block, {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"^# (.*)", block, re.MULTILINE) != []


def test_every_role_and_preset_is_told_of():
    assert [role for role in ROLES if f"| {role} |" not in PAGE] == []
    assert [preset for preset in PRESETS if f"`{preset}`" not in PAGE.partition("| preset |")[2]] == []


@pytest.mark.parametrize(
    ("read", "name", "text"),
    [
        (read_questions, "q.csv", "query,answer\nWho?,Ada\n"),
        (read_passages, "c.csv", "name,stuff\nx,y\n"),
        (read_questions, "q.csv", "question,answers\nWho?,Ada\nWhere?,Paris, France\n"),
        (read_questions, "q.csv", "question,answers\n\nWho?,Ada\n,Bo\n"),
        (
            read_questions,
            "q.csv",
            "\n".join(["id,question,answers", *(f"q{i},Who?,Ada" for i in (1, 2, 3, 4, 5, 6, 3))]),
        ),
    ],
)
def test_messages_are_those_that_are_given(read, name, text):
    Path(name).write_text(text)
    with pytest.raises(UserError) as caught:
        read(name)
    assert f"\n| {caught.value} | " in PAGE, caught.value
