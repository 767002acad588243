"""Every kind of document is read; a file that cannot be is named with the reason, and the others are read."""

import json

import pytest
from document_files import docx, pdf

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.documents import files, read_documents

SENTENCE = "The pump was built by Ada Storm in 1901."


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def read(folder, **keys):
    return read_documents([str(folder)], **keys)


def test_each_kind_of_file_is_read(folder):
    (folder / "a.md").write_text(f"# Pumps\n\n{SENTENCE}\n")
    (folder / "b.txt").write_text(f"# is no heading here. {SENTENCE.upper()}")
    page = f"<html><head><title>Mills</title></head><body><h1>Mills</h1><p>{SENTENCE} Twice.</p></body></html>"
    (folder / "c.html").write_text(page)
    (folder / "d.pdf").write_bytes(pdf("Gears were cut by Bo Lind in 1902."))
    docx(folder / "e.docx", "Wheels were cast by Cy Holm in 1903.")
    rows = [{"id": "7", "title": "Saws", "text": "Saws were filed by Di Berg in 1904."}, {"text": "Nails, made by Ed."}]
    (folder / "f.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read(folder)
    assert [(p.id, p.title) for p in found.passages] == [
        ("a.md#1", "Pumps"),
        ("b.txt#1", "b"),
        ("c.html#1", "Mills"),
        ("d.pdf#1", "d"),
        ("e.docx#1", "e"),
        ("f.jsonl:7#1", "Saws"),
    ]
    assert "Bo Lind" in found.passages[3].text and "Cy Holm" in found.passages[4].text
    assert [(one.name, one.reason) for one in found.skipped] == [("f.jsonl:2", "it has fewer than 5 words")]


BAD = {
    "secret.pdf": (pdf("Nobody may read this.", encrypted=True), "it is encrypted: save it without a password"),
    "blank.pdf": (pdf(), "it contains no text (scanned pages need OCR)"),
    "torn.pdf": (pdf("Half of it is gone.")[:200], "it cannot be converted"),
    "empty.md": (b"", "it is empty"),
    "blanks.md": (b" \n\n", "it contains no text"),
    "picture.txt": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is binary, not text"),
    "noise.txt": (bytes(range(128, 256)) * 9, "it is in no known encoding: save it in UTF-8"),
    "word.docx": (b"This is no Word file.", "it is not a Word file"),
    "rows.jsonl": (b'{"text": "fine, this is a text"}\n{"txt": 1}\n', "line 2 is not an object with a `text`"),
    "torn.jsonl": (b'{"text": "fine"}\n{"text": \n', "line 2 is not JSON"),
    "brief.md": (b"# Title\n\nToo short.\n", "it has fewer than 5 words"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_file_is_named_and_the_rest_goes_on(folder, name):
    content, complaint = BAD[name]
    (folder / name).write_bytes(content)
    (folder / "good.txt").write_text(SENTENCE)
    found = read(folder)
    assert [p.text for p in found.passages] == [SENTENCE]
    [skipped] = found.skipped
    assert skipped.name == name and skipped.reason.startswith(complaint) and "\n" not in skipped.reason


def test_large_files_and_files_that_unpack_to_more_are_passed_over(folder, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 2_000_000)
    with (folder / "large.txt").open("wb") as out:
        out.truncate(200_000_000)
    docx(folder / "bomb.docx", "Small outside.", padding=3_000_000)
    (folder / "good.txt").write_text(SENTENCE)
    assert [(one.name, one.reason) for one in read(folder).skipped] == [
        ("bomb.docx", "it decompresses to more than 2 MB"),
        ("large.txt", "it is larger than 2 MB: split it"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "cp1251"])
def test_other_encodings_are_read(folder, encoding):
    text = (
        "Кто построил насос? Ада Шторм построила его в 1901 году, в Кракове."
        if encoding == "cp1251"
        else ("Wer baute die große Pumpe? Ada Störm hat sie im Jahr 1901 für Köln gebaut, so heißt es.")
    )
    (folder / "a.txt").write_bytes(text.encode(encoding))
    assert [p.text for p in read(folder).passages] == [text]


def test_a_folder_of_nothing_says_what_can_be_read(folder):
    (folder / "a.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"no file in .* is a document: give \.md, "):
        read(folder)


def test_where_nothing_can_be_used_the_first_reason_is_told(folder):
    (folder / "a.md").write_bytes(b"")
    with pytest.raises(UserError, match=r"none of the 1 files can be used: .*the first is a\.md: it is empty"):
        read(folder)


def test_a_source_that_is_not_there_is_refused(folder):
    (folder / "handbook").mkdir()
    with pytest.raises(UserError, match=r"did you mean .*handbook'\?"):
        read(folder / "handbok")


def test_hidden_files_and_other_endings_are_counted_or_passed_over(folder):
    (folder / ".git").mkdir()
    (folder / ".git" / "a.md").write_text(SENTENCE)
    (folder / "b.md").write_text(SENTENCE)
    (folder / "c.py").write_text("print()")
    (folder / "LICENSE").write_text(SENTENCE)
    found = read(folder)
    assert [one.id for one in found.documents] == ["b.md"] and found.others == {".py": 1, "no ending": 1}


def test_files_are_named_from_the_folder_that_was_given(folder, tmp_path):
    (folder / "deep").mkdir()
    (folder / "deep" / "a.md").write_text(SENTENCE)
    (tmp_path / "b.md").write_text(SENTENCE + " And sold.")
    assert [one.id for one in read(folder).documents] == ["deep/a.md"]
    found = read_documents([str(folder), str(tmp_path / "b.md")])
    assert [one.id for one in found.documents] == ["in/deep/a.md", "b.md"]


def test_without_the_libraries_the_extra_is_named(folder, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'hf-selfdemo\[documents\]'"):
        read(folder)
