"""Turns evidence into chat messages with the templates in `templates/`. Every manifest records their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Message, Passage

TEMPLATES = Path(__file__).parent / "templates"

TRAINED_ON = ("rag.txt", "closed_book.txt")
"""The templates with which models are trained and evaluated."""

JUDGED_WITH = ("judging/label.txt", "judging/pick.txt")
"""The templates for judging models."""

SEARCHED_WITH = (
    *("search/critique.txt", "search/rewrite.txt", "search/score.txt", "search/start_closed_book.txt"),
    *("search/start_rag.txt", "candidates/instructed.txt"),
)
"""The templates of prompt search."""


@lru_cache(maxsize=8)
def _environment(folder: Path) -> jinja2.Environment:
    # No autoescape, since a prompt is plain text, not HTML. Template syntax inside a value, such as a passage, is not
    # evaluated.
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def fill(template: str, folder: Path = TEMPLATES, **values: Any) -> str:
    """Fill a template with values.

    Args:
        template: the template's path below `folder`, without `.txt`.
        folder: the folder of the templates.
        values: the values of the template's variables. A missing one raises jinja2's UndefinedError.

    Raises:
        UserError: if the template does not exist.

    Example:
        >>> fill("closed_book", question="Who painted Guernica?").splitlines()[0]
        'Question: Who painted Guernica?'
    """
    try:
        return _environment(folder).get_template(f"{template}.txt").render(**values).strip()
    except jinja2.TemplateNotFound as error:
        remedy = "add the template, or use an existing one"
        raise UserError(f"there is no template {error.name} in {folder}", remedy) from None


def render(
    template: str, question: str, passages: Sequence[Passage] = (), folder: Path = TEMPLATES, instruction: str = ""
) -> tuple[Message, ...]:
    """The prompt for a question and its passages. It has no parameter for a gold answer.

    Args:
        template: the template's path below `folder`, without `.txt`.
        question: the question's text.
        passages: the passages, best first.
        folder: the folder of the templates.
        instruction: the instruction, for templates that do not contain one.

    Returns:
        One user turn, as `tokenizer.apply_chat_template` takes it.

    Raises:
        UserError: if the template does not exist.

    Example:
        >>> render("closed_book", "Who painted Guernica?")[0]["content"].splitlines()[0]
        'Question: Who painted Guernica?'
    """
    text = fill(template, folder, question=question, passages=passages, instruction=instruction)
    return ({"role": "user", "content": text},)


def templates_hash(patterns: Sequence[str], folder: Path = TEMPLATES) -> str:
    """A short hash over templates and all templates that they include.

    Other templates do not change it, so a template can be added without invalidating finished runs.

    Args:
        patterns: the paths of the templates below `folder`; `*` stands for any name.
        folder: the folder of the templates.

    Raises:
        UserError: if a pattern matches no template.

    Example:
        >>> templates_hash(["rag.txt"]) == templates_hash(["rag.txt", "passages.txt"])  # the one includes the other
        True
    """
    digest = hashlib.sha256()
    for name in sorted(_with_included(patterns, folder)):
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _with_included(patterns: Sequence[str], folder: Path) -> set[str]:
    """The names of templates and of all templates that they include, directly or indirectly."""
    found: set[str] = set()
    for pattern in patterns:
        names = [path.relative_to(folder).as_posix() for path in folder.glob(pattern)]
        if not names:
            raise UserError(f"there is no template {pattern} in {folder}", "add the template, or use an existing one")
        found |= set(names)
        for name in names:
            tree = _environment(folder).parse((folder / name).read_text(encoding="utf-8"))
            found |= _with_included([inner for inner in meta.find_referenced_templates(tree) if inner], folder)
    return found
