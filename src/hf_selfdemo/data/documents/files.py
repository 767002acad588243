"""Reads files as documents. A file that cannot be read is skipped, and its reason is recorded."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hf_selfdemo.core.errors import UserError, reason
from hf_selfdemo.core.loading import did_you_mean_file
from hf_selfdemo.core.types import Document
from hf_selfdemo.core.wellformed import well_formed, well_formed_json

LARGEST = 50_000_000
"""The most bytes of a file, and of a decompressed .docx."""

_SAMPLE = 100_000
"""The number of bytes from which an encoding is guessed."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or document that was left out, and why."""

    name: str
    reason: str


class _Unread(Exception):
    """Raised for a file that is skipped. The message is the reason."""


def document_files(sources: Sequence[str]) -> tuple[dict[str, Path], Counter[str]]:
    """Find the files to read, by the names of their documents, and count the other files by ending.

    Args:
        sources: files, and folders that are searched with their subfolders. Hidden files and folders are skipped.

    Raises:
        UserError: if a source does not exist, or no file is a document.
    """
    found: dict[str, Path] = {}
    others: Counter[str] = Counter()
    for source in sources:
        root = Path(source).expanduser()
        if not root.exists():
            raise UserError(f"documents: {source} does not exist", did_you_mean_file(source, "check the path"))
        for path in sorted(_files(root)):
            if path.suffix.lower() not in READERS and path != root:
                others[path.suffix.lower() or "no ending"] += 1
                continue
            name = path.relative_to(root.parent if len(sources) > 1 or path == root else root).as_posix()
            if name in found:
                what = f"documents: {found[name]} and {path} would have the same name"
                raise UserError(what, "give their common parent folder instead")
            found[name] = path
    if not found:
        kinds = ", ".join(READERS)
        raise UserError(f"documents: no file in {', '.join(sources)} is a document", f"give {kinds} files")
    return found, others


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for path in root.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def read_file(name: str, path: Path) -> list[Document] | Skipped:
    """Read the documents of a file: one, or one per row of .jsonl. A file that cannot be used is `Skipped`."""
    try:
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            raise _Unread(f"its ending is none of {', '.join(READERS)}")
        size = path.stat().st_size
        if not size:
            raise _Unread("it is empty")
        if size > LARGEST:
            raise _Unread(f"it is larger than {LARGEST // 1_000_000} MB: split it")
        found = [document for document in reader(name, path) if document.text.strip()]
        if not found:
            raise _Unread("it contains no text" + (" (scanned pages need OCR)" if path.suffix == ".pdf" else ""))
        return found
    except _Unread as problem:
        return Skipped(name, str(problem))
    except (OSError, MemoryError, RecursionError) as error:
        return Skipped(name, reason(error))


def _plain(name: str, path: Path) -> Iterator[Document]:
    yield Document(name, _decoded(path.read_bytes()), path.stem, path.suffix.lower() != ".txt")


def _rows(name: str, path: Path) -> Iterator[Document]:
    for number, line in enumerate(_decoded(path.read_bytes()).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = well_formed_json(json.loads(line))
        except ValueError:
            raise _Unread(f"line {number} is not JSON") from None
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise _Unread(f"line {number} is not an object with a `text`")
        title = row.get("title")
        identifier = str(row.get("id") or number)
        yield Document(f"{name}:{identifier}", row["text"], title if isinstance(title, str) else identifier)


def _converted(name: str, path: Path) -> Iterator[Document]:
    """Converted to Markdown by the converter for the file's ending.

    The class `MarkItDown` is not used: it would try the next converter and read a damaged PDF as plain text.
    """
    from markitdown import StreamInfo
    from markitdown.converters import DocxConverter, HtmlConverter, PdfConverter

    data, ending = path.read_bytes(), path.suffix.lower()
    if ending == ".docx":
        _refuse_bomb(data)
    if ending in (".html", ".htm"):
        data = _decoded(data).encode()
    converter = {".pdf": PdfConverter, ".docx": DocxConverter}.get(ending, HtmlConverter)()
    try:
        found = converter.convert(io.BytesIO(data), StreamInfo(extension=ending, charset="utf-8"))
    except Exception as error:  # each library raises its own kinds
        raise _Unread(_why(error)) from error
    yield Document(name, well_formed(found.markdown), found.title or path.stem, True)


def _why(error: Exception) -> str:
    """Why a PDF or Word file could not be read. The message of the innermost error says most."""
    said = repr(error)
    if "Password" in said or "Encrypt" in said:
        return "it is encrypted: save it without a password"
    inner = next((line for line in reversed(str(error).splitlines()) if line.strip()), "")
    return f"it cannot be converted ({inner.strip()[:200] or type(error).__name__})"


def _refuse_bomb(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile:
        raise _Unread("it is not a Word file") from None
    if size > LARGEST:
        raise _Unread(f"it decompresses to more than {LARGEST // 1_000_000} MB")


def _decoded(data: bytes) -> str:
    """Text in UTF-8, or else in its most likely encoding."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _in(data, "utf-16")
    if b"\0" in data:
        raise _Unread("it is binary, not text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(data[:_SAMPLE]).best()
        if best is None:
            raise _Unread("it is in no known encoding: save it in UTF-8") from None
        return _in(data, best.encoding)


def _in(data: bytes, encoding: str) -> str:
    try:
        return well_formed(data.decode(encoding))
    except UnicodeDecodeError:
        raise _Unread("it is in no known encoding: save it in UTF-8") from None


READERS: dict[str, Callable[[str, Path], Iterator[Document]]] = {
    **dict.fromkeys((".md", ".markdown", ".txt"), _plain),
    ".jsonl": _rows,
    **dict.fromkeys((".html", ".htm", ".pdf", ".docx"), _converted),
}
"""How files are read, by ending."""
