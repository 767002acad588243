"""Evidence to chat messages. The words live in `templates/*.txt`; the hash of all of them goes into every manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import jinja2

from hf_selfdemo.errors import UserError
from hf_selfdemo.types import Message, Passage

TEMPLATES = Path(__file__).parent / "templates"


@lru_cache(maxsize=8)
def _environment(folder: Path) -> jinja2.Environment:
    # no autoescape: a prompt is plain text, not HTML. Only the question and the passages are filled in, as values, so
    # template syntax inside a passage is text like any other.
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def render(
    template: str, question: str, passages: Sequence[Passage] = (), folder: Path = TEMPLATES
) -> tuple[Message, ...]:
    """Fill a template with a question and its passages. There is no way to hand it a gold answer.

    Args:
        template: file name without `.txt`.
        question: the question's text.
        passages: in the order in which they are to be shown.
        folder: where the templates lie.

    Returns:
        One user turn; `tokenizer.apply_chat_template` takes it.

    Raises:
        UserError: if there is no such template.

    Example:
        >>> render("closed_book", "Who painted Guernica?")[0]["content"].splitlines()[0]
        'Question: Who painted Guernica?'
    """
    try:
        filled = _environment(folder).get_template(f"{template}.txt").render(question=question, passages=passages)
    except jinja2.TemplateNotFound as error:
        raise UserError(f"no template {error.name} in {folder}", "add it, or name one that is there") from None
    return ({"role": "user", "content": filled.strip()},)


def templates_hash(folder: Path = TEMPLATES) -> str:
    """A short hash over every template's name and text: two runs with different prompts cannot be taken for one."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.txt")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
