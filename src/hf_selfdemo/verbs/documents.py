"""`hf-selfdemo documents`: split documents into the passages of a corpus.

output_dir/documents/
    documents.jsonl    id, title and text of each document, as it was read
    passages.jsonl     the corpus: id, title (the headings above it), text, and position in the document
    left_out.jsonl     files and passages that were left out, each with the reason
    manifest.json      settings that decide the passages, counts, versions, hashes
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hf_selfdemo.core.console import progress, say
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.integrity import hashes
from hf_selfdemo.core.manifest import atomic_file, versions, write_checked_json
from hf_selfdemo.data.documents import Documents, document_files, read_documents
from hf_selfdemo.data.questions.shortening import count_words
from hf_selfdemo.recipe.documents import PASSAGES, documents_folder, passage_words
from hf_selfdemo.recipe.made_documents import MANIFEST, documents_settings, made_passages, refuse_replacing
from hf_selfdemo.recipe.recipe import Recipe

_SHOWN = 5
"""Number of left-out files that are printed. `left_out.jsonl` has all."""

_READERS = ("markitdown", "semantic-text-splitter", "datasketch", "markdown-it-py", "charset-normalizer")


def run_documents(recipe: Recipe) -> None:
    """Read the documents, write the corpus, and print a summary. Unchanged documents are not read again.

    Raises:
        UserError: if no document is named, none can be read, or a run has used the passages of other documents.
    """
    sources = recipe.documents.documents
    if not sources:
        raise UserError("documents is not set", "add --documents FOLDER")
    folder = documents_folder(recipe)
    if told := made_passages(recipe):
        for line in told["said"]:
            say(line)
        return say(f"the documents are unchanged: {folder / PASSAGES} is kept")
    if (folder / MANIFEST).exists():
        refuse_replacing(recipe, "passages")
        say(f"documents or max_passage_words changed: {folder / PASSAGES} is replaced")
    settings = documents_settings(recipe)
    with progress("documents", len(document_files(sources)[0])) as advance:
        found = read_documents(sources, passage_words(recipe), advance)
    _write(folder, found, settings)
    for line in lines(found):
        say(line)
    say(f"wrote {folder / PASSAGES}")


def lines(found: Documents) -> Iterator[str]:
    """Summarise the documents that were read, for people.

    Args:
        found: the result of `read_documents`.
    """
    words = sorted(count_words(passage.text) for passage in found.passages)
    yield (
        f"{len(found.documents)} documents, {len(words)} passages ({words[0]} to {words[-1]} words, "
        f"median {round(statistics.median(words))})"
    )
    if found.duplicates or found.short:
        yield f"passages left out: {len(found.duplicates)} duplicates, {found.short} of a few words"
    if found.others:
        counts = ", ".join(f"{count} {ending}" for ending, count in found.others.most_common())
        yield f"files with other endings, not read: {counts}"
    for one in found.skipped[:_SHOWN]:
        yield f"left out: {one.name}: {one.reason}"
    if len(found.skipped) > _SHOWN:
        yield f"and {len(found.skipped) - _SHOWN} more, see left_out.jsonl"


def _write(folder: Path, found: Documents, settings: dict[str, Any]) -> None:
    rows: dict[str, Iterable[dict[str, Any]]] = {
        "documents.jsonl": ({"id": d.id, "title": d.title, "text": d.text} for d in found.documents),
        PASSAGES: (
            {"id": p.passage.id, "title": p.passage.title, "text": p.passage.text}
            | {"document": p.document, "start": p.start, "end": p.end}
            for p in found.pieces
        ),
        "left_out.jsonl": (
            *({"name": one.name, "reason": one.reason} for one in found.skipped),
            *({"name": one.id, "reason": f"a duplicate of {one.of}"} for one in found.duplicates),
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, some in rows.items():
        with atomic_file(folder / name) as out:
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in some)
    kinds = Counter(Path(one.name).suffix or "no ending" for one in found.skipped)
    counts = {"documents": len(found.documents), "passages": len(found.pieces), "skipped": dict(kinds)}
    counts |= {"duplicates": len(found.duplicates), "short": found.short, "others": dict(found.others)}
    told = {"settings": settings, "counts": counts, "said": list(lines(found))}
    told |= {"files": hashes(folder, [folder / name for name in rows]), "versions": versions(_READERS)}
    write_checked_json(folder / MANIFEST, told)
