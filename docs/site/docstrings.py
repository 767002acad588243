"""Docstrings as the site's reader of them takes them."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object


class Examples(Extension):
    """`Example:`, the heading of the package's doctests, is `Examples:` to griffe."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called for everything that has been read from a source file."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
