"""The check of what else the models can do, as a recipe asks for it; a part of `hf-selfdemo evaluate`."""

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
    """The sets that a recipe names, and what was measured of each model on them; where it names none, nothing is done.

    Args:
        recipe: its ability keys are read, and with them the sets.

    Raises:
        UserError: for sets or rows that cannot be read.
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
        """Signs of life that `measure` gives over so many models."""
        return models * (len(self.questions) + len(self.instructions)) + len(self.instructions)

    def measure(
        self, name: str, network: Any, tokenizer: Any, base: Generator, on_progress: Callable[[int], None]
    ) -> None:
        """Measure one model, under its name in the table; the first is the one that the others are compared with.

        Args:
            name: of the column.
            network: the model.
            tokenizer: its tokenizer.
            base: the first model's engine, which writes its replies when it is measured.
            on_progress: called with how many rows were done since.
        """
        if self.instructions and not self._replies:
            self._replies = own_replies(self.instructions, base, self._max_tokens, on_progress)
        self._measured[name] = Measured(
            score_choices(network, tokenizer, self.questions, self._batch_size, on_progress),
            reply_nll(network, tokenizer, self.instructions, self._replies, on_progress),
        )

    def report(self, folder: Path, width: int) -> None:
        """Print the table, and add what was found to what an evaluation has written.

        Args:
            folder: with a `table.md` and a `figures.json`, which both grow; what was measured row by row is put beside
                them, in `ability/`, in place of what an earlier start left there.
            width: of the table that is printed, as `console.show` takes it.
        """
        shutil.rmtree(folder / "ability", ignore_errors=True)  # else it would be taken for this start's
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
        """What the figures are about, for the manifest; empty where nothing was asked for."""
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
    """At most so many, kept in their order; -1 keeps all."""
    if limit < 0 or limit >= len(rows):
        return list(rows)
    return [rows[i] for i in sorted(random.Random(seed).sample(range(len(rows)), limit))]


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
