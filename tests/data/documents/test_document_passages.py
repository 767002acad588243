"""Passages know their headings and their place, cross no heading, and stand there once."""

from hf_selfdemo.core.types import Document, Passage
from hf_selfdemo.data.documents import read_documents
from hf_selfdemo.data.documents.duplicates import distinct
from hf_selfdemo.data.documents.pieces import Piece, pieces
from hf_selfdemo.data.documents.sections import sections
from hf_selfdemo.data.questions.shortening import count_words

HANDBOOK = """\
---
title: "The handbook"
---
Read this before anything else, please.

# Pumps

They lift water from the mine, day and night.

## Care of `oil`

Oil them once a week, with the oil of the mill.

> # A quoted heading is none

```
# nor is this
```

### Who does it

The second shift does it on Sundays.

# Mills

They grind what the farmers bring them.
"""


def titled(text, title="file", markdown=True):
    document = Document("d", text, title, markdown)
    return [(" > ".join(s.titles), text[s.start : s.end].strip()[:20]) for s in sections(document)]


def test_sections_have_the_headings_above_them():
    assert titled(HANDBOOK) == [
        ("The handbook", "Read this before any"),
        ("The handbook > Pumps", "They lift water from"),
        ("The handbook > Pumps > Care of oil", "Oil them once a week"),
        ("The handbook > Pumps > Care of oil > Who does it", "The second shift doe"),
        ("The handbook > Mills", "They grind what the "),
    ]


def test_one_heading_for_all_takes_the_place_of_the_title():
    assert titled("# Pumps\n\nOne.\n\n## Care\n\nTwo.\n") == [("Pumps", "One."), ("Pumps > Care", "Two.")]
    assert titled("Pumps\n=====\nOne.\n") == [("Pumps", "One.")]


def test_without_headings_the_title_is_the_documents():
    assert titled("Only text.\n") == [("file", "Only text.")]
    assert titled("# text\n", markdown=False) == [("file", "# text")]
    assert titled("") == [("file", "")]


def test_levels_may_be_left_out():
    assert [title for title, _ in titled("# A\n### C\n## B\n")] == ["A", "A > C", "A > B"]


def test_passages_are_no_longer_than_allowed_and_stand_where_they_say():
    text = HANDBOOK + "Every sentence here has six words. " * 50
    document = Document("d", text, "file", True)
    found = list(pieces(document, 30))
    assert all(count_words(one.passage.text) <= 30 for one in found)
    assert all(text[one.start : one.end] == one.passage.text for one in found)
    assert [one.passage.id for one in found] == [f"d#{i}" for i in range(1, len(found) + 1)]
    long = [one.passage.text for one in found if "Every" in one.passage.text]
    assert all(one.endswith("words.") for one in long), "cut between sentences"
    assert sum(count_words(one.passage.text) for one in found) >= 0.9 * 300


def piece(name, text):
    return Piece(Passage(name, text), "d", 0, 0)


def test_the_first_of_those_that_say_the_same_stays():
    text = " ".join(f"word{i}" for i in range(100))
    near, far = text.replace("word50", "other"), " ".join(f"word{i * 7 % 100}" for i in range(100))
    kept, left_out = distinct([piece("a", text), piece("b", text.upper() + "!"), piece("c", near), piece("e", far)])
    assert [one.passage.id for one in kept] == ["a", "e"]
    assert [(one.id, one.of) for one in left_out] == [("b", "a"), ("c", "a")]


def test_a_file_that_is_there_twice_is_one(tmp_path):
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("The second shift does it on Sundays, at noon.")
    found = read_documents([str(tmp_path)])
    assert [p.id for p in found.passages] == ["a.md#1"]
    assert [(one.id, one.of) for one in found.duplicates] == [("b.md#1", "a.md#1")]
