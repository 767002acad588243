"""What the package index shows: the README with absolute links and a Colab badge, and the project's addresses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")
NOTEBOOK = re.compile(r"\[[^\]]*\]\(https://github\.com/([^)]+\.ipynb)\)")
COLAB = "https://colab.research.google.com"


class Addresses(MetadataHookInterface):
    """Sets `readme` and `urls` from `repository` in pyproject.toml, which is empty until the project has an address."""

    def update(self, metadata: dict[str, Any]) -> None:
        repository, tag = self.config["repository"].rstrip("/"), f"v{metadata['version']}"
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}
        if not repository:
            return

        def absolute(link: re.Match[str]) -> str:
            image, text, target = link.groups()
            return f"{image}[{text}]({repository}/{'raw' if image else 'blob'}/{tag}/{target})"

        text = RELATIVE_LINK.sub(absolute, readme)
        badge = rf"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({COLAB}/github/\1)"
        metadata["readme"]["text"] = NOTEBOOK.sub(badge, text)  # Colab opens notebooks of GitHub alone
        metadata["urls"] = {
            "Documentation": f"{repository}/tree/{tag}/docs",
            "Repository": repository,
            "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
            "Issues": f"{repository}/issues",
        }
