"""The documentation as a site: it builds, every link in it leads somewhere, and nothing comes from elsewhere."""

import dataclasses
import os
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import hf_selfdemo
from hf_selfdemo.recipe.keys import GROUPS

pytest.importorskip("material", reason="needs the extra docs")

ROOT = Path(__file__).parent.parent


class Page(HTMLParser):
    """The links of a page, what it fetches, and the places in it that can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.fetched, self.places, self.quotes = [], [], set(), 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.places |= {found[name] for name in ("id", "name") if found.get(name)}
        self.quotes += tag == "blockquote"
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("link", "script", "img", "iframe"):
            self.fetched += [found[name] for name in ("href", "src") if name in found]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Every page of the site by its path."""
    folder = tmp_path_factory.mktemp("site")
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path: Page(path) for path in folder.rglob("*.html") if path.name != "404.html"}


def folder_of(pages):
    return min(pages, key=lambda path: len(path.parts)).parent


def test_every_link_leads_to_a_page_and_a_place_in_it(pages):
    followed = 0
    for path, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.name} links to {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].places, f"{path.name} links to {link}"
                followed += 1
    assert followed > 500


def test_every_document_is_a_page(pages):
    shown = {path.relative_to(folder_of(pages)).as_posix() for path in pages}
    documents = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/reference/*.md"), *ROOT.glob("recipes/**/*.md")]
    assert len(documents) > 10
    for document in documents:
        name = document.relative_to(ROOT).with_suffix(".html").as_posix().replace("README", "index")
        assert name in shown


def test_nothing_is_fetched_from_elsewhere(pages):
    assert all(page.fetched for page in pages.values())
    assert not [link for page in pages.values() for link in page.fetched if urlsplit(link).netloc]
    for style in folder_of(pages).rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert "url(http" not in text and "@import" not in text and "url(//" not in text


def test_every_public_name_has_its_place_in_the_reference(pages):
    places = {place for page in pages.values() for place in page.places}
    homes = {f"hf_selfdemo.{module}.{name}" for name, module in hf_selfdemo._PUBLIC.items()}
    assert len(homes) == len(hf_selfdemo.__all__) and homes <= places
    packed = (folder_of(pages) / "objects.inv").read_bytes().split(b"\n", 4)[4]
    assert "hf_selfdemo.methods.self_demo.SelfDemo py:class" in zlib.decompress(packed).decode()


def test_every_key_is_explained(pages):
    text = (folder_of(pages) / "docs/reference/keys.html").read_text(encoding="utf-8")
    keys = [f.name for group in GROUPS for f in dataclasses.fields(group)]
    assert len(keys) > 80
    assert [key for key in keys if f"<code>{key}</code>" not in text] == []


def test_doctests_are_shown_as_code(pages):
    """Read as Markdown, every `>>>` would be three quotations in each other."""
    reference = [page for path, page in pages.items() if path.parent.name == "reference"]
    assert len(reference) >= 10 and not any(page.quotes for page in reference)
