"""From a folder to a corpus and questions, and on to a table, with no file of questions."""

import json

import pytest

from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.recipe.engine import Engine
from hf_selfdemo.verbs import questions
from hf_selfdemo.verbs.cli import main, parse

PEOPLE = {"pump": "Ada Storm", "mill": "Bo Lind", "wheel": "Cy Holm", "saw": "Di Berg", "lock": "Ed Falk"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "handbook").mkdir()
    for year, (thing, who) in enumerate(PEOPLE.items(), 1901):
        text = f"# The {thing}\n\nThe {thing} was built by {who} in {year}, and works day and night.\n"
        (tmp_path / "handbook" / f"{thing}.md").write_text(text)
    (tmp_path / "handbook" / "plan.png").write_bytes(b"\x89PNG")
    (tmp_path / "handbook" / "empty.md").write_text("")
    return tmp_path / "handbook"


@pytest.fixture
def flags(folder, tmp_path, model_folder):
    return [
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", f"--documents={folder}"),
        *("--question_passes=1", "--unanswerable_passes=1", "--test_documents_share=0.4", "--passages_per_question=2"),
    ]


@pytest.fixture
def scripted(monkeypatch, tmp_path):
    """In place of the model one that writes good questions."""

    def said(request):
        prompt = request.messages[0]["content"]
        thing, who = next(
            (thing, who) for thing, who in PEOPLE.items() if f"The {thing} was" in prompt or thing in prompt
        )
        return {
            "answerable_question": f"Question: Who built the {thing}?\nAnswer: {who}",
            "unanswerable_question": f"Question: Who paid for the {thing}?",
            "rag_check": f"It was {who}.",
            "closed_book_check": "I do not know.",
            "stated_check": "No",
        }[request.stage]

    def opened(recipe, model):
        return Engine(RecordedGenerator(ScriptedGenerator(said), Ledger(tmp_path / "calls.sqlite")))

    monkeypatch.setattr(questions, "open_engine", opened)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_documents_say_what_came_of_them(flags, tmp_path, capsys):
    assert main(["documents", *flags]) == 0
    said = capsys.readouterr().err
    assert "5 documents, 5 passages of 14 to 14 words" in said
    assert "passed over for their endings: 1 .png" in said and "left out: empty.md: the file is empty" in said
    texts = {row["id"]: row["text"] for row in rows(tmp_path / "run/documents/documents.jsonl")}
    found = rows(tmp_path / "run/documents/passages.jsonl")
    assert len(found) == 5 and found[0]["id"] == "lock.md#1" and found[0]["title"] == "The lock"
    assert all(texts[row["document"]][row["start"] : row["end"]] == row["text"] for row in found)
    assert rows(tmp_path / "run/documents/left_out.jsonl") == [{"name": "empty.md", "reason": "the file is empty"}]


def test_questions_are_written_for_training_and_for_testing(flags, scripted, tmp_path, capsys):
    assert main(["documents", *flags]) == main(["questions", *flags]) == 0
    said = capsys.readouterr().err
    assert "10 questions written: 2 kept for test: answerable, 2 kept for test: unanswerable, 3 kept for train" in said
    train, test = (rows(tmp_path / f"run/documents/{part}_questions.jsonl") for part in ("train", "test"))
    things = [{row["id"].partition(".")[0] for row in some} for some in (train, test)]
    assert len(things[0]) == 3 and len(things[1]) == 2 and not things[0] & things[1]
    assert main(["questions", *flags]) == 0
    assert "made now: no call" in capsys.readouterr().err


def test_run_ends_with_a_table(flags, scripted, tmp_path, capsys):
    keys = [
        "--method=ra_it",
        "--max_steps=1",
        "--on_policy_rows=0",
        "--meter_rows=0",
        "--use_cpu",
        "--max_answer_tokens=3",
    ]
    assert main(["run", *flags, *keys]) == 0
    assert "4 test rows" in capsys.readouterr().out
    assert (tmp_path / "run/evaluation/table.md").exists()


def test_recipes_name_documents_or_a_corpus(flags, refused):
    assert "both documents and train_corpus are set: leave one of them out" in refused(
        "documents", *flags, "--train_corpus=embedded"
    )


def test_own_questions_are_kept(flags, refused):
    recipe = parse([*flags, "--train_questions=a.jsonl", "--test_questions=b.jsonl"])
    assert (recipe.data.train_questions, recipe.data.test_questions) == (["a.jsonl"], ["b.jsonl"])
    line = refused("questions", *flags, "--train_questions=a.jsonl", "--test_questions=b.jsonl")
    assert "there are no questions to write: name `documents`" in line


@pytest.mark.parametrize("verb", ["documents", "questions"])
def test_without_documents_nothing_is_done(verb, refused, tmp_path):
    assert "documents" in refused(verb, f"--output_dir={tmp_path / 'run'}")


def test_questions_need_the_passages_first(flags, refused):
    assert "holds no passages: run `hf-selfdemo documents` with the same config first" in refused("questions", *flags)
