"""Evidence to chat messages. The words live in `templates/`; their hash goes into every manifest."""

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
"""The templates under which models are trained and evaluated."""

JUDGED_WITH = ("judging/label.txt", "judging/pick.txt")
"""The templates that judging models are asked with."""

SEARCHED_WITH = (
    *("search/critique.txt", "search/rewrite.txt", "search/score.txt", "search/start_closed_book.txt"),
    *("search/start_rag.txt", "candidates/instructed.txt"),
)
"""The templates of prompt search."""


@lru_cache(maxsize=8)
def _environment(folder: Path) -> jinja2.Environment:
    # no autoescape: a prompt is plain text, not HTML. Values are filled in as values, so that template syntax inside a
    # passage is text like any other.
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def fill(template: str, folder: Path = TEMPLATES, **values: Any) -> str:
    """Fill any template with any values.

    Args:
        template: path under `folder`, without `.txt`.
        folder: where the templates lie.
        values: what the template's words stand for; one that it needs and does not get raises jinja2's UndefinedError.

    Raises:
        UserError: if there is no such template.

    Example:
        >>> fill("closed_book", question="Who painted Guernica?").splitlines()[0]
        'Question: Who painted Guernica?'
    """
    try:
        return _environment(folder).get_template(f"{template}.txt").render(**values).strip()
    except jinja2.TemplateNotFound as error:
        raise UserError(f"no template {error.name} in {folder}", "add it, or name one that is there") from None


def render(
    template: str, question: str, passages: Sequence[Passage] = (), folder: Path = TEMPLATES, instruction: str = ""
) -> tuple[Message, ...]:
    """The prompt for a question and its passages. There is no way to hand it a gold answer.

    Args:
        template: path under `folder`, without `.txt`.
        question: the question's text.
        passages: in the order in which they were found.
        folder: where the templates lie.
        instruction: for templates that leave the wording of what is asked to the caller.

    Returns:
        One user turn; `tokenizer.apply_chat_template` takes it.

    Raises:
        UserError: if there is no such template.

    Example:
        >>> render("closed_book", "Who painted Guernica?")[0]["content"].splitlines()[0]
        'Question: Who painted Guernica?'
    """
    text = fill(template, folder, question=question, passages=passages, instruction=instruction)
    return ({"role": "user", "content": text},)


def templates_hash(patterns: Sequence[str], folder: Path = TEMPLATES) -> str:
    """A short hash over templates and all that they include: who uses others, or other words, has another one.

    A template that nobody here uses changes nothing, so that one can be added beside finished runs.

    Args:
        patterns: which are used, below `folder`; `*` stands for any name.
        folder: where the templates lie.

    Raises:
        UserError: if a pattern fits none.

    Example:
        >>> templates_hash(["rag.txt"]) == templates_hash(["rag.txt", "passages.txt"])  # the one includes the other
        True
    """
    digest = hashlib.sha256()
    for name in sorted(_with_included(patterns, folder)):
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _with_included(patterns: Sequence[str], folder: Path) -> set[str]:
    """Names of templates and of those that they include, and these in turn."""
    found: set[str] = set()
    for pattern in patterns:
        names = [path.relative_to(folder).as_posix() for path in folder.glob(pattern)]
        if not names:
            raise UserError(f"no template {pattern} in {folder}", "add it, or name one that is there")
        found |= set(names)
        for name in names:
            tree = _environment(folder).parse((folder / name).read_text(encoding="utf-8"))
            found |= _with_included([inner for inner in meta.find_referenced_templates(tree) if inner], folder)
    return found
