"""A page as a reader of it sees it: elements, attributes and texts."""

from __future__ import annotations

from html.parser import HTMLParser

ALONE = {"meta", "input", "br", "line", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """`tags` and `attributes` that occur, `texts` with the elements they stand in, and `rows` of all tables.

    Raises:
        AssertionError: if an element is not closed where it should be.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        given = dict(attrs)
        if tag not in ALONE:
            self._open.append(tag + (f"#{given['id']}" if given.get("id") else ""))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALONE, tag
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open.pop().partition("#")[0] == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if data.strip() and "style" not in self._open:
            self.texts.append((tuple(self._open), " ".join(data.split())))
            if "td" in self._open or "th" in self._open:
                self.rows[-1][-1] = f"{self.rows[-1][-1]} {self.texts[-1][1]}".strip()

    def values(self, attribute: str) -> list[str]:
        """What an attribute is set to, wherever it occurs."""
        return [value or "" for name, value in self.attributes if name == attribute]
