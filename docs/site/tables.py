"""Tables that are made from the package: its public names, and every key of a recipe."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hf_selfdemo
from hf_selfdemo.recipe.keys import GROUPS


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put each table where a page asks for it, in a comment on a line of its own."""
    for comment, table in (("<!-- public names -->", public_names), ("<!-- keys -->", recipe_keys)):
        if comment in markdown:
            markdown = markdown.replace(comment, "\n".join(table()))
    return markdown


def public_names() -> Iterator[str]:
    """What `from hf_selfdemo import ...` offers, each with the first sentence of its docstring."""
    yield "| name | what it is |\n|---|---|"
    for name, module in vars(hf_selfdemo)["_PUBLIC"].items():
        yield f"| [`{name}`][hf_selfdemo.{module}.{name}] | {_cell(_first_sentence(module, name))} |"


def recipe_keys() -> Iterator[str]:
    """A table for each group of keys; in brackets stands the default, if there is one."""
    for group in GROUPS:
        yield f"## {_title(group)}\n\n| option | meaning |\n|---|---|"
        for field in dataclasses.fields(group):
            yield f"| `{field.name}` | {_cell(field.metadata['help'])}{_default(field)} |"
        yield ""


def _title(group: Any) -> str:
    return (inspect.getdoc(group) or "").partition(". ")[0].partition("\n")[0].rstrip(".")


def _default(field: dataclasses.Field[Any]) -> str:
    made: Any = field.default_factory() if callable(field.default_factory) else field.default
    if made is None or made in ("", []):
        return ""
    return f" (`{' '.join(made) if isinstance(made, list) else str(made).lower() if isinstance(made, bool) else made}`)"


def _first_sentence(module: str, name: str) -> str:
    """From the source text: importing would take torch."""
    source = Path(hf_selfdemo.__file__).parent.joinpath(*module.split("."))
    files = sorted(source.glob("*.py")) if source.is_dir() else [source.with_suffix(".py")]
    found = (node for file in files for node in ast.parse(file.read_text(encoding="utf-8")).body)
    node = next(n for n in found if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name)
    first = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    return re.split(r"\. (?=[A-Z`\"])", first)[0].rstrip(".")  # "et al. 2009" goes on


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
