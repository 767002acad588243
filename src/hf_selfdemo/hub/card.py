"""The cards of repositories: made from templates, with untrusted text escaped."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from hf_selfdemo.core.errors import UserError

CARDS = Path(__file__).parent / "cards"

_ACTIVE = {ord(sign): f"&#{ord(sign)};" for sign in "&<>|`*[]\\~$@"}
"""Characters with a meaning in Markdown, HTML, tables or formulas, as character references."""

_PLACES = re.compile(r"/(?=/)|(?<=www)\.|(?<![^\W_])_|_(?![^\W_])", re.IGNORECASE)
"""Characters that make a link of plain text, and underscores that are not inside a word."""


_OF_FILES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".xlsx", ".xlsm", ".gz", ".gguf")
"""Suffixes of names that are files, on this machine or where the run was made."""


def write_card(template: str, metadata: Mapping[str, Any], **values: Any) -> str:
    """Make a card: YAML metadata, and the text below it.

    Args:
        template: name of a file in `cards/`, without its suffix.
        metadata: the metadata, e.g. `DatasetCardData(...).to_dict()`. Keys without a value are left out.
        values: the variables of the template. Template syntax inside a value stays text.

    Raises:
        UserError: if a value that the template needs is missing, e.g. in a manifest of another version.

    Example:
        >>> write_card("index", {"license": "mit"}, repo_id="me/x", passages=2, terms=3, settings={"k1": 0.9, "b": 0.4,
        ...     "stemmer": "english"}, license="mit", corpus="").splitlines()[:3]
        ['---', 'license: mit', '---']
    """
    given = {key: value for key, value in metadata.items() if value not in (None, [], "")}
    front = yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=1000)
    try:
        body = _environment().get_template(f"{template}.md.jinja").render(**values).strip()
    except jinja2.UndefinedError as error:
        raise UserError(
            f"the card cannot be written, because a manifest of the run lacks a value ({error})",
            "run the commands that made the run again with this version",
        ) from None
    return f"---\n{front}---\n\n{body}\n"


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    # no autoescape, since a card is Markdown: each untrusted text is escaped by a filter for its place
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(CARDS), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"inline": inline, "fenced": fenced, "wrapped": wrapped, "yaml": as_yaml, "share": share}
    return made


def inline(text: str) -> str:
    """Escape untrusted text for a paragraph or a table cell, as one line.

    Example:
        >>> inline("a | b <b>\\n")
        'a &#124; b &#60;b&#62;'
    """
    plain = " ".join(text.split()).translate(_ACTIVE)
    return _PLACES.sub(lambda found: f"&#{ord(found[0])};", plain)


def fenced(text: str, language: str = "text") -> str:
    """Make a code block of untrusted text, with a fence longer than any run of backticks in it.

    Example:
        >>> print(fenced("```"))
        ````text
        ```
        ````
    """
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)
    return f"{fence}{language}\n{text}\n{fence}"


def wrapped(text: str, width: int = 90) -> str:
    """Break long lines, because code blocks do not break them.

    Example:
        >>> wrapped("one two", 4)
        'one\\ntwo'
    """
    return "\n".join(textwrap.fill(line, width) for line in text.split("\n"))


def as_yaml(settings: Mapping[str, Any]) -> str:
    """Make a YAML code block of settings, with one setting per line.

    Example:
        >>> print(as_yaml({"b": 1, "a": [2, "x"]}))
        ```yaml
        b: 1
        a: [2, x]
        ```
    """
    return fenced("\n".join(f"{key}: {_flow(value)}" for key, value in settings.items()), "yaml")


def _flow(value: Any) -> str:
    dumped = yaml.safe_dump(value, sort_keys=False, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return dumped.removesuffix("\n...\n").strip()


def share(part: int, whole: int) -> str:
    """Format a count as a percentage of the whole.

    Example:
        >>> share(1, 3), share(0, 0)
        ('33%', '-')
    """
    return f"{part / whole:.0%}" if whole else "-"


def is_hub_id(name: str) -> bool:
    """Whether a name can be the id of a repository, and is not a local file or folder.

    Example:
        >>> is_hub_id("me/demonstrations"), is_hub_id("/data/model"), is_hub_id("")
        (True, False, False)
    """
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return bool(name) and not name.endswith(_OF_FILES) and not Path(name).exists()


def checked_id(repo_id: str) -> str:
    """Check the id of a repository to write to, and return it.

    Raises:
        UserError: if it is a path, or has no owner.

    Example:
        >>> checked_id("me/demonstrations")
        'me/demonstrations'
    """
    if "/" not in repo_id or not is_hub_id(repo_id):
        raise UserError(f"{repo_id!r} is not a repository id, or is a local folder", "write it as owner/name")
    return repo_id
