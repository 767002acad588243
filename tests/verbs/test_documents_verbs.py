"""From a folder to a corpus and questions, and on to a table, with no file of questions."""

import json

import pytest

from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.recipe.engine import Engine
from hf_selfdemo.verbs import documents, plan_questions, questions
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
    """In place of the model one that writes good questions. Ids of the requests sent; the first of `stopped_at` ends
    the start as Ctrl+C does."""
    sent = Sent()

    def said(request):
        if len(sent) == sent.stopped_at:
            sent.stopped_at = None
            raise KeyboardInterrupt
        sent.append(request.id)
        prompt = request.messages[-1]["content"]
        thing, who = next(
            (thing, who) for thing, who in PEOPLE.items() if f"The {thing} was" in prompt or thing in prompt
        )
        return {
            "answerable_question": f"Question: Who built the {thing}?\nAnswer: {who}",
            "unanswerable_question": f"Question: Who paid for the {thing}?",
            "rag_check": f"It was {who}.",
            "closed_book_check": "I do not know.",
            "stated_check": sent.stated,
        }[request.stage]

    def opened(recipe, model):
        return Engine(RecordedGenerator(ScriptedGenerator(said), Ledger(tmp_path / "calls.sqlite")))

    for module in (questions, plan_questions):
        monkeypatch.setattr(module, "open_engine", opened)
    return sent


class Sent(list):
    """Ids of requests, and what the model does next."""

    stopped_at = None
    stated = "No"


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_documents_say_what_came_of_them(flags, tmp_path, capsys):
    assert main(["documents", *flags]) == 0
    said = capsys.readouterr().err
    assert "5 documents, 5 passages (14 to 14 words, median 14)" in said
    assert "files with other endings, not read: 1 .png" in said and "left out: empty.md: it is empty" in said
    texts = {row["id"]: row["text"] for row in rows(tmp_path / "run/documents/documents.jsonl")}
    found = rows(tmp_path / "run/documents/passages.jsonl")
    assert len(found) == 5 and found[0]["id"] == "lock.md#1" and found[0]["title"] == "The lock"
    assert all(texts[row["document"]][row["start"] : row["end"]] == row["text"] for row in found)
    assert rows(tmp_path / "run/documents/left_out.jsonl") == [{"name": "empty.md", "reason": "it is empty"}]


def test_questions_are_written_for_training_and_for_testing(flags, scripted, tmp_path, capsys):
    assert main(["documents", *flags]) == main(["questions", *flags]) == 0
    said = capsys.readouterr().err
    assert "10 questions written, kept: 2 for test: answerable, 2 for test: unanswerable, 3 for train: ans" in said
    train, test = (rows(tmp_path / f"run/documents/{part}_questions.jsonl") for part in ("train", "test"))
    things = [{row["id"].partition(".")[0] for row in some} for some in (train, test)]
    assert len(things[0]) == 3 and len(things[1]) == 2 and not things[0] & things[1]
    assert main(["questions", *flags]) == 0
    assert "documents and options are unchanged: the questions in" in capsys.readouterr().err


def test_questions_that_were_stopped_go_on_and_pay_for_nothing_twice(flags, scripted, tmp_path):
    assert main(["documents", *flags]) == 0
    scripted.stopped_at = 9
    assert main(["questions", *flags]) == 130
    assert len(scripted) == 9 and not (tmp_path / "run/documents/questions.json").exists()
    assert main(["questions", *flags]) == 0
    assert len(scripted) == len(set(scripted)) == 25
    assert main(["questions", *flags]) == 0 and len(scripted) == 25


def test_without_unanswerable_questions_one_line_says_what_to_do(flags, scripted, tmp_path, capsys):
    scripted.stated = "Yes"
    assert main(["documents", *flags]) == main(["questions", *flags]) == 0
    said = capsys.readouterr().err
    for part in ("train", "test"):
        assert (
            f"warning: no unanswerable question was kept for {part}: raise unanswerable_passes, or set {part}_twins"
        ) in said.replace("\n", " ")
    assert len(rows(tmp_path / "run/documents/train_questions.jsonl")) == 3
    reasons = {row["reason"] for row in rows(tmp_path / "run/documents/dropped_questions.jsonl")}
    assert reasons == {"a passage of the corpus may answer it"}


def test_where_no_question_is_kept_the_dropped_ones_say_why(flags, scripted, refused, tmp_path):
    assert main(["documents", *flags]) == 0
    line = refused("questions", *flags, "--question_passes=0")
    assert "no answerable question was kept for train (none was written)" in line and "question_passes" in line
    assert rows(tmp_path / "run/documents/dropped_questions.jsonl") == []


def test_passages_of_other_documents_are_never_taken_for_these(flags, scripted, folder, refused, tmp_path, capsys):
    assert main(["documents", *flags]) == main(["questions", *flags]) == 0
    asked = len(scripted)
    (folder / "pump.md").write_text("# The pump\n\nThe pump was taken down in 1999, and sold to the next valley.\n")
    first = "run `hf-selfdemo documents` with the same config first"
    assert f"were made from other documents or another max_passage_words: {first}" in refused("demonstrate", *flags)
    assert f"contains no passages of these documents: {first}" in refused("questions", *flags)
    assert main(["documents", *flags]) == 0
    assert "documents or max_passage_words changed: " in capsys.readouterr().err
    assert "were written with different settings (passages): run `hf-selfdemo questions`" in refused(
        "demonstrate", *flags
    )
    with pytest.raises(StopIteration):  # the model of this test knows no answer but the builder's
        next(row for row in rows(tmp_path / "run/documents/passages.jsonl") if "Ada Storm" in row["text"])
    assert main(["questions", *flags]) == 0
    assert {name.partition("#")[0] for name in scripted[asked:]} <= {"pump.md", *(f"{one}.md" for one in PEOPLE)}
    assert len(scripted) - asked < asked, "what was asked of other passages is in the ledger"


def test_unchanged_documents_are_not_read_again(flags, monkeypatch, tmp_path, capsys):
    assert main(["documents", *flags]) == 0
    said = capsys.readouterr().err.splitlines()
    monkeypatch.setattr(documents, "read_documents", lambda *given: pytest.fail("they were read again"))
    assert main(["documents", *flags]) == 0
    again = capsys.readouterr().err.splitlines()
    assert again[:-1] == said[:-1] and again[-1].startswith("the documents are unchanged: ")


def test_edited_questions_are_kept_and_never_replaced(flags, scripted, folder, refused, tmp_path):
    assert main(["documents", *flags]) == main(["questions", *flags]) == 0
    path = tmp_path / "run/documents/train_questions.jsonl"
    edited = path.read_text().splitlines(keepends=True)[0]
    path.write_text(edited)
    assert main(["questions", *flags]) == 0 and path.read_text() == edited
    (folder / "new.md").write_text("# The bell\n\nThe bell was cast by Fay Dahl in 1906, and rings at noon.\n")
    assert "train_questions.jsonl was edited, and new passages would replace it: move the file" in refused(
        "documents", *flags
    )
    assert path.read_text() == edited


def test_a_run_keeps_the_documents_that_it_was_built_on(flags, scripted, folder, refused, tmp_path):
    keys = ["--method=ra_it", "--on_policy_rows=0"]
    for verb in ("documents", "questions", "demonstrate"):
        assert main([verb, *flags, *keys]) == 0
    before = (tmp_path / "run/documents/passages.jsonl").read_text()
    (folder / "new.md").write_text("# The bell\n\nThe bell was cast by Fay Dahl in 1906, and rings at noon.\n")
    line = refused("run", *flags, *keys)
    assert "contains a run that used other passages than those of these documents: choose another output_dir" in line
    assert (tmp_path / "run/documents/passages.jsonl").read_text() == before


def test_without_the_extra_nothing_is_begun(flags, monkeypatch, refused, tmp_path):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "markitdown" else found(name))
    assert "pip install 'hf-selfdemo[documents]'" in refused("run", *flags)
    assert not (tmp_path / "run/ledger.sqlite").exists()


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
    assert "there are no questions to write: set `documents`" in line


@pytest.mark.parametrize("part", ["train", "test"])
def test_questions_are_written_for_that_part_alone_that_has_none(part, flags, scripted, tmp_path):
    other = "test" if part == "train" else "train"
    keys = [*flags, f"--{other}_questions=embedded"]
    for _ in range(2):
        assert main(["documents", *keys]) == main(["questions", *keys]) == 0
        assert len(scripted) == 25
    assert len({row["id"].partition(".")[0] for row in rows(tmp_path / f"run/documents/{part}_questions.jsonl")}) == 5
    assert not (tmp_path / f"run/documents/{other}_questions.jsonl").exists()


def test_the_plan_of_writing_questions_is_what_writing_them_takes(flags, scripted, refused, tmp_path, capsys):
    assert "run `hf-selfdemo documents` with the same config first" in refused("plan", *flags)
    assert main(["documents", *flags]) == 0
    path = tmp_path / "run/plan_questions.json"
    assert main(["plan", *flags, "--plan_questions=0"]) == 0 and not scripted
    counted = json.loads(path.read_text())
    assert (counted["passages"], counted["sample"], counted["all"]["calls"]) == (5, 0, 5), "first turns alone"
    capsys.readouterr()
    assert main(["plan", *flags, "--plan_questions=2", "--price_prompt=1000"]) == 0
    asked, told = len(scripted), capsys.readouterr()
    assert asked == 10 and "5 passages, estimated from 2" in told.out and "price: about" in told.err
    planned = json.loads(path.read_text())
    assert main(["questions", *flags]) == 0
    assert len(scripted) == len(set(scripted)) == 25, "what the plan asked is not asked again"
    assert planned["all"]["calls"] == 25 <= planned["most_calls"] == 5 * (3 + 1 + 5)
    capsys.readouterr()
    assert main(["plan", *flags, "--plan_questions=0", "--lora_r=2", "--use_cpu"]) == 0
    assert "memory in GB" in capsys.readouterr().out and (tmp_path / "run/plan.json").exists()


@pytest.mark.parametrize("verb", ["documents", "questions"])
def test_without_documents_nothing_is_done(verb, refused, tmp_path):
    assert "documents" in refused(verb, f"--output_dir={tmp_path / 'run'}")


def test_questions_need_the_passages_first(flags, refused):
    complaint = "contains no passages of these documents: run `hf-selfdemo documents` with the same config first"
    assert complaint in refused("questions", *flags)
