"""`hf-selfdemo questions`: questions for training and testing, written from the documents of the recipe."""

from __future__ import annotations

from hf_selfdemo.core.console import progress, say, usage_line
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json_lines, versions, write_checked_json
from hf_selfdemo.core.types import Passage
from hf_selfdemo.methods.question_set import Source, write_questions
from hf_selfdemo.methods.question_writer import QuestionWriter
from hf_selfdemo.recipe.documents import PASSAGES, documents_folder, writes_questions
from hf_selfdemo.recipe.engine import named_model, open_engine, recipe_judge
from hf_selfdemo.recipe.evidence import recipe_retriever
from hf_selfdemo.recipe.recipe import Recipe


def run_questions(recipe: Recipe) -> None:
    """Write them, check them, and say how many were kept and why others were not.

    Raises:
        UserError: if the recipe names no documents, or questions of its own; if none was kept.
    """
    if not writes_questions(recipe):
        raise UserError(
            "there are no questions to write", "name `documents`, and leave train_questions or test_questions out"
        )
    folder, seed = documents_folder(recipe), recipe.demonstrate.demonstrate_seed
    if not (folder / PASSAGES).exists():
        raise UserError(f"{folder} holds no passages", "run `hf-selfdemo documents` with the same config first")
    rows = list(read_json_lines(folder / PASSAGES))
    sources = [Source(Passage(row["id"], row["text"], row["title"]), row["document"]) for row in rows]
    model = named_model(recipe)
    retriever = recipe_retriever(recipe, "train")
    engine = open_engine(recipe, model)
    judge = recipe.judge.judge if recipe.judge.judge != "tournament" else "answer_match"
    writer = QuestionWriter(recipe_judge(recipe, judge), retriever, recipe.questions, seed)
    with progress("questions", len(sources)) as advance:
        counts = write_questions(
            sources,
            writer,
            engine.generator,
            folder,
            recipe.documents.test_documents_share,
            recipe.engine.window,
            seed,
            advance,
        )
    say(usage_line("made now", engine.generator.usage, engine.generator.reused))
    say(
        f"{counts['written']} questions written: "
        + ", ".join(f"{n} kept for {kind}" for kind, n in counts["kept"].items())
    )
    for reason, count in counts["dropped"].items():
        say(f"  {count} dropped: {reason}")
    write_checked_json(folder / "questions.json", counts | {"model": model.name, "versions": versions()})
