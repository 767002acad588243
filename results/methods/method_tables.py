"""Makes the tables of the mechanism checks from their records and writes them into the README.

python results/methods/method_tables.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, write_text

HERE = Path(__file__).parent


def tables(record: Mapping[str, Any]) -> str:
    """All tables of a record as Markdown, after its command and the training data of each arm.

    Example:
        >>> share = {"value": 0.5, "interval": [0.1, 0.9], "hits": 1, "total": 2}
        >>> arms = {"plain": {"training": {"rows": 4, "steps": 2, "tokens": 900}}}
        >>> record = {"command": "python check.py", "arms": arms, "figures": {"Right": {"plain": {"all": share}}}}
        >>> print(tables(record).splitlines()[-1])
        | plain | .50 [.10, .90] of 2 |
    """
    arms = [f"{name} {_trained(told['training'])}" for name, told in record["arms"].items() if told["training"]]
    parts = [f"`{record['command']}`: {'; '.join(arms) or 'nothing is trained'}."]
    for title, rows in record["figures"].items():
        columns = list(dict.fromkeys(column for figures in rows.values() for column in figures))
        lines = [f"| {title} | {' | '.join(columns)} |", "|---" + "|--:" * len(columns) + "|"]
        for name, figures in rows.items():
            lines.append(f"| {name} | {' | '.join(cell(figures.get(column)) for column in columns)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _trained(training: Mapping[str, Any]) -> str:
    return f"{training['rows']} rows, {training['steps']} steps, {training['tokens']:,} tokens"


def cell(figure: Mapping[str, Any] | None) -> str:
    """A figure as a table cell, with its interval and, for a share, the number of rows.

    Example:
        >>> cell({"value": -0.25, "interval": [-0.5, 0.0], "signed": True, "total": 8}), cell(None)
        ('-.25 [-.50, +.00]', '')
    """
    if figure is None:
        return ""
    if figure["value"] is None:
        return "-"
    sign = "+" if figure.get("signed") else ""
    said = _number(figure["value"], sign)
    if figure["interval"]:
        said += f" [{', '.join(_number(end, sign) for end in figure['interval'])}]"
    return said + (f" of {figure['total']}" if "hits" in figure else "")


def _number(value: float, sign: str) -> str:
    return re.sub(r"(?<!\d)0\.", ".", f"{value:{sign}.2f}")


def write_page(folder: Path) -> list[str]:
    """Write the tables of every record into the README of a folder, between the marks of its method.

    Returns:
        The names of the methods.

    Raises:
        UserError: if the README has no marks for a record.
    """
    page, found = folder / "README.md", []
    text = page.read_text(encoding="utf-8")
    for path in sorted((folder / "records").glob("*.json")):
        block = re.compile(rf"(?<=<!-- {path.stem} -->\n).*?(?=<!-- end -->)", re.DOTALL)
        if not block.search(text):
            raise UserError(
                f"{page} has no place for {path.stem}", f"add the lines <!-- {path.stem} --> and <!-- end -->"
            )
        made = tables(read_json(path))
        text = block.sub(lambda _, made=made: made + "\n", text, count=1)  # an empty block would match twice
        found.append(path.stem)
    write_text(page, text)
    return found


if __name__ == "__main__":
    try:
        print(f"{HERE / 'README.md'} has the tables of {', '.join(write_page(HERE))}")
    except UserError as error:
        sys.exit(str(error))
