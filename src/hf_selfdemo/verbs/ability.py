"""The check of other abilities in `hf-selfdemo evaluate`, if the recipe asks for it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from hf_selfdemo.core.console import show
from hf_selfdemo.core.manifest import fingerprint, read_json, write_json, write_text
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Reply
from hf_selfdemo.evaluation.ability.choices import ChoiceQuestion, read_choice_questions
from hf_selfdemo.evaluation.ability.multiple_choice import FORMS, picks, score_choices
from hf_selfdemo.evaluation.ability.own_replies import Instruction, own_replies, read_instructions, reply_nll
from hf_selfdemo.evaluation.ability.report import Measured, ability_figures, ability_markdown, ability_table
from hf_selfdemo.prompting.prompts import templates_hash
from hf_selfdemo.recipe.recipe import Recipe

T = TypeVar("T")


class AbilityCheck:
    """Measures each model on the test sets that a recipe names. Without such sets it does nothing.

    Args:
        recipe: the recipe, for the names of the test sets and their options.

    Raises:
        UserError: if a test set or a row cannot be read.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.questions, self.instructions = _questions(recipe), _instructions(recipe)
        self._batch_size = recipe.engine.generation_batch_size
        self._max_tokens = recipe.ability.max_instruction_tokens
        self._replies: list[Reply] = []
        self._measured: dict[str, Measured] = {}

    def __bool__(self) -> bool:
        return bool(self.questions or self.instructions)

    def steps(self, models: int) -> int:
        """The number of rows that `measure` reports as progress, for this number of models."""
        return models * (len(self.questions) + len(self.instructions)) + len(self.instructions)

    def measure(
        self, name: str, network: Any, tokenizer: Any, base: Generator, on_progress: Callable[[int], None]
    ) -> None:
        """Measure one model. The others are compared with the model that is measured first.

        Args:
            name: the name of its column.
            network: the model.
            tokenizer: its tokenizer.
            base: the engine of the first model, which writes the reference replies.
            on_progress: called with the number of rows done since the last call.
        """
        if self.instructions and not self._replies:
            self._replies = own_replies(self.instructions, base, self._max_tokens, on_progress)
        self._measured[name] = Measured(
            score_choices(network, tokenizer, self.questions, self._batch_size, on_progress),
            reply_nll(network, tokenizer, self.instructions, self._replies, on_progress),
        )

    def report(self, folder: Path, width: int) -> None:
        """Print the table, and add the results to the files of an evaluation.

        Args:
            folder: the folder of the evaluation. Results are appended to its `table.md` and `figures.json`, and the
                measurements of each row replace those of an earlier run in `ability/`.
            width: the width of the printed table, as for `console.show`.
        """
        shutil.rmtree(
            folder / "ability", ignore_errors=True
        )  # results of an earlier run must not be mistaken for these
        if not self:
            return
        figures = ability_figures(self.questions, self._measured)
        title = f"{len(self.questions)} multiple-choice questions, {len(self.instructions)} instructions"
        show(ability_table(figures, title), width)
        table = (folder / "table.md").read_text(encoding="utf-8")
        write_text(folder / "table.md", f"{table}\n{title}\n\n{ability_markdown(figures)}")
        write_json(folder / "figures.json", read_json(folder / "figures.json") | {"ability": figures})
        for name, measured in self._measured.items():
            if self.questions:
                write_text(folder / "ability" / f"{name}.choices.jsonl", _lines(self._choice_rows(measured)))
            if self.instructions:
                write_text(folder / "ability" / f"{name}.replies.jsonl", _lines(self._reply_rows(measured)))

    def settings(self) -> dict[str, Any]:
        """The settings of the check, for the manifest; {} if the recipe names no test set."""
        if not self:
            return {}
        return {
            "questions": len(self.questions),
            "instructions": len(self.instructions),
            "failed_replies": sum(reply.finish_reason == "error" for reply in self._replies),
            "content": fingerprint([list(map(asdict, self.questions)), list(map(asdict, self.instructions))]),
            "forms": templates_hash(["*.txt"], FORMS),
            "max_instruction_tokens": self._max_tokens,
        }

    def _choice_rows(self, measured: Measured) -> Iterable[dict[str, Any]]:
        for question, scores in zip(self.questions, measured.choices, strict=True):
            scored = {"letter": scores.letter, "text": scores.text}
            yield {"id": question.id, "answer": question.answer} | picks(question, scores) | scored

    def _reply_rows(self, measured: Measured) -> Iterable[dict[str, Any]]:
        for one, reply, (nll, tokens) in zip(self.instructions, self._replies, measured.replies, strict=True):
            yield {"id": one.id, "reply": reply.text, "ended": reply.finish_reason, "nll": nll, "tokens": tokens}


def _questions(recipe: Recipe) -> list[ChoiceQuestion]:
    a = recipe.ability
    if not a.choice_questions:
        return []
    every = read_choice_questions(
        a.choice_questions, a.choice_split, a.choice_preset, a.choice_columns, a.choice_config
    )
    return _drawn(every, a.max_choice_questions, recipe.data.data_seed_questions)


def _instructions(recipe: Recipe) -> list[Instruction]:
    a = recipe.ability
    if not a.instruction_prompts:
        return []
    every = read_instructions(a.instruction_prompts, a.instruction_split, a.instruction_columns, a.instruction_config)
    return _drawn(every, a.max_instruction_prompts, recipe.data.data_seed_questions)


def _drawn(rows: Sequence[T], limit: int, seed: int) -> list[T]:
    """Draw at most `limit` rows and keep their order; -1 keeps all."""
    if limit < 0 or limit >= len(rows):
        return list(rows)
    return [rows[i] for i in sorted(random.Random(seed).sample(range(len(rows)), limit))]


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
