"""Hash what Python code does: its source without docstrings, comments and blank lines. Rewording changes no hash."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from pathlib import Path


def logic_hash(*folders: Path) -> str:
    """SHA-256 over the logic of all Python files in these folders, in the order of their names.

    It does not depend on the Python version, as a hash over tokens or a syntax tree would.

    Args:
        folders: the folders, which are searched with their subfolders.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.glob("**/*.py")):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            digest.update(f"{name}\0{logic(path.read_text('utf-8'))}\0".encode())
    return digest.hexdigest()


def logic(source: str) -> str:
    """The source without docstrings, comments and blank lines (blank lines of texts are dropped too).

    Example:
        >>> print(logic('x = 1  # one\\n"The number."\\n\\ny = "# two"\\n'))
        x = 1
        y = "# two"
    """
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            end = node.end_lineno or node.lineno
            lines[node.lineno - 1 : end] = [""] * (end - node.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())
