"""Before anything is computed, one message names the missing columns of all files."""

import re

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.first_rows import refuse_missing_columns
from hf_selfdemo.verbs.cli import main, parse


@pytest.fixture
def own(tmp_path):
    """Arguments that name questions and a corpus of one's own, whose columns have other names."""
    (tmp_path / "questions.csv").write_text("query,answer\nWho was she?,Ada\n")
    (tmp_path / "manual.csv").write_text("page,body\n1,It rains.\n")
    files = {f"--{part}_questions": "questions.csv" for part in ("train", "test")}
    files |= {f"--{part}_corpus": "manual.csv" for part in ("train", "test")}
    return [f"{option}={tmp_path / name}" for option, name in files.items()] + [f"--output_dir={tmp_path / 'run'}"]


def test_one_message_names_the_missing_columns_of_questions_and_passages(own, capsys, tmp_path):
    assert main(["run", *own]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    questions, manual = tmp_path / "questions.csv", tmp_path / "manual.csv"
    assert f"{questions} has no column 'question' and no column 'answers'" in line
    assert f"{manual} has no column 'text'" in line
    assert "set columns: [question=query, answers=answer]" in line and "set corpus_columns: [text=body]" in line
    assert line.count("has no column") == 2, "files that both parts use are named once"
    assert not (tmp_path / "run").exists()


def test_mapped_columns_pass(own):
    refuse_missing_columns(
        parse([*own, "--columns", "question=query", "answers=answer", "--corpus_columns", "text=body"]), "train", "test"
    )


def test_passages_that_come_with_the_questions_need_no_corpus(own, tmp_path):
    given = [one for one in own if "corpus" not in one]
    recipe = parse([*given, "--columns", "question=query", "answers=answer", "--retriever=given"])
    refuse_missing_columns(recipe, "train", "test")


def test_an_empty_file_is_named(own, tmp_path):
    (tmp_path / "manual.csv").write_text("")
    with pytest.raises(UserError, match=r"manual\.csv is empty"):
        refuse_missing_columns(parse(own), "train")


def test_questions_are_searched_early_only_if_passages_may_be_truncated(own, monkeypatch):
    from hf_selfdemo.recipe import evidence

    monkeypatch.setattr(evidence, "searched", lambda *given: pytest.fail("a search"))
    mapped = [*own, "--columns", "question=query", "answers=answer", "--corpus_columns", "text=body"]
    for whole in ("--max_passage_words=0", "--split_passages"):
        evidence.refuse_part(parse([*mapped, whole]), "test")


@pytest.fixture
def mapped(own):
    return [*own, "--columns", "question=query", "answers=answer", "--corpus_columns", "text=body", "--method=ra_it"]


def refused(capsys, *arguments):
    assert main(list(arguments)) == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--test_questions={0}/tset.csv"], "there is no file .*tset.csv"),
        (["--test_corpus={0}/manaul.csv"], "there is no file .*manaul.csv: did you mean"),
        (["--test_questions={0}/twice.csv"], "both have the id '7'"),
        (["--test_questions={0}/long.csv", "--test_corpus={0}/tale.csv", "--max_passage_words=3"], "truncation to max"),
    ],
    ids=["questions", "corpus", "ids", "truncation"],
)
def test_what_would_end_the_evaluation_ends_the_run_before_anything_is_computed(mapped, change, said, capsys, tmp_path):
    (tmp_path / "twice.csv").write_text("id,query,answer\n7,Who?,Ada\n7,When?,1901\n")
    (tmp_path / "long.csv").write_text("query,answer\nWho built the old hall?,Ada Storm\n")
    (tmp_path / "tale.csv").write_text("body\nThe old hall was built by Ada Storm.\n")
    line = refused(capsys, "run", *mapped, *(one.format(tmp_path) for one in change))
    assert re.search(said, line)
    assert not (tmp_path / "run/demonstrations").exists()
