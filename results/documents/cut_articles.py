"""Writes 200 articles of an open corpus as Markdown files, as documents to write questions about.

    python results/documents/cut_articles.py ../shared/data/open_qa/corpus.jsonl.gz articles

An article consists of all passages with the same title, in the order of the corpus. It must have 80 to 200 words.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections import defaultdict
from pathlib import Path

WORDS = range(80, 201)
"""Allowed lengths of an article, in words."""


def articles(corpus: Path, count: int, seed: int = 0) -> dict[str, list[str]]:
    """The passages of `count` articles by title, drawn by seed.

    Args:
        corpus: a gzipped JSONL file with `title` and `text`.
        count: the number of articles.
        seed: seed of the draw.
    """
    passages: dict[str, list[str]] = defaultdict(list)
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            passages[row["title"]].append(row["text"])
    fit = sorted(title for title, texts in passages.items() if sum(len(text.split()) for text in texts) in WORDS)
    random.Random(seed).shuffle(fit)
    return {title: passages[title] for title in sorted(fit[:count])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for number, (title, texts) in enumerate(articles(given.corpus, given.count).items()):
        (given.folder / f"{number:03d}.md").write_text(f"# {title}\n\n" + "\n\n".join(texts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
