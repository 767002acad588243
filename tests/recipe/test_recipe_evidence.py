"""Rows besides those of questions: which instructions each part of the data gets."""

from hf_selfdemo.recipe.evidence import instruction_evidence
from hf_selfdemo.verbs.cli import parse


def test_no_other_part_has_the_instructions_of_training(tmp_path):
    recipe = parse([f"--output_dir={tmp_path}", "--method=pa_rag", "--replay_rows=4"])
    train, test = ({row.id for row in instruction_evidence(recipe, part)} for part in ("train", "test"))
    assert len(train) == len(test) == 4 and not train & test
    assert train == {row.id for row in instruction_evidence(recipe)}, "the same draw whatever else is drawn"
