"""Cards: what a repository's page says, from a template, with foreign text that stays text."""

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
"""Signs that Markdown, HTML, tables or formulas could take for their own, as character references."""

_PLACES = re.compile(r"/(?=/)|(?<=www)\.|(?<![^\W_])_|_(?![^\W_])", re.IGNORECASE)
"""What makes a link of bare text, and underscores that are not inside a word."""


_OF_FILES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".xlsx", ".xlsm", ".gz", ".gguf")
"""Endings of names that are those of files, here or where a run was made."""


def write_card(template: str, metadata: Mapping[str, Any], **values: Any) -> str:
    """A card: YAML metadata and the text below.

    Args:
        template: name of a file in `cards/`, without its ending.
        metadata: of the page, e.g. `DatasetCardData(...).to_dict()`; keys without a value are left out.
        values: what the template's words stand for. They are filled in as values: template syntax in them is text.

    Raises:
        UserError: if a value that the template needs is missing, as it may be in a manifest of another version.

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
            f"the card cannot be written: the run does not say all of it ({error})",
            "it was made by another version; run `hf-selfdemo` with the same config again",
        ) from None
    return f"---\n{front}---\n\n{body}\n"


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    # no autoescape: a card is Markdown, and each foreign text says by its filter where it is to stand
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(CARDS), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"inline": inline, "fenced": fenced, "wrapped": wrapped, "yaml": as_yaml, "share": share}
    return made


def inline(text: str) -> str:
    """Foreign text for the middle of a paragraph or table cell: one line, nothing of it active.

    Example:
        >>> inline("a | b <b>\\n")
        'a &#124; b &#60;b&#62;'
    """
    plain = " ".join(text.split()).translate(_ACTIVE)
    return _PLACES.sub(lambda found: f"&#{ord(found[0])};", plain)


def fenced(text: str, language: str = "text") -> str:
    """Foreign text as a code block, in a fence longer than any run of backticks inside.

    Example:
        >>> print(fenced("```"))
        ````text
        ```
        ````
    """
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)
    return f"{fence}{language}\n{text}\n{fence}"


def wrapped(text: str, width: int = 90) -> str:
    """Long lines broken, since code blocks do not break them.

    Example:
        >>> wrapped("one two", 4)
        'one\\ntwo'
    """
    return "\n".join(textwrap.fill(line, width) for line in text.split("\n"))


def as_yaml(settings: Mapping[str, Any]) -> str:
    """Settings as a YAML block, a key a line.

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
    """A count as a percentage of the whole.

    Example:
        >>> share(1, 3), share(0, 0)
        ('33%', '-')
    """
    return f"{part / whole:.0%}" if whole else "-"


def is_hub_id(name: str) -> bool:
    """Whether a name can be that of a repository, and is not that of a file or folder here.

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
    """The id of a repository to write to, if it can be one.

    Raises:
        UserError: if it is a path, or has no owner.

    Example:
        >>> checked_id("me/demonstrations")
        'me/demonstrations'
    """
    if "/" not in repo_id or not is_hub_id(repo_id):
        raise UserError(f"{repo_id!r} is not a repository id, or names a local folder", "give owner/name")
    return repo_id
