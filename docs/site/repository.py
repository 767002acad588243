"""The site shows the repository's own pages, at the paths they have in it, so that links hold in both."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

SHOWN = ("*.md", "CITATION.cff", "docs/*.md", "docs/reference/*.md", "examples/*", "recipes/**/*", "results/**/*")
"""What is a page of the site, or is linked from one."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the repository's files to those of the theme and of `docs/site`."""
    root = Path(config.config_file_path).parent
    for path in sorted({path for pattern in SHOWN for path in root.glob(pattern) if path.is_file()}):
        name = path.relative_to(root).as_posix()
        files.append(File(name, str(root), config.site_dir, config.use_directory_urls))
    return files
