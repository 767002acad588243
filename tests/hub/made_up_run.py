"""A run with texts that would like to be more than text, and what a stranger sees of its card."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from hf_selfdemo.core.manifest import read_json, write_json
from hf_selfdemo.core.protocols import Judge, Strategy
from hf_selfdemo.core.types import Evidence, Passage, Question, Reply, Request, Usage
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import demonstrate
from hf_selfdemo.methods.self_demo import Choosing, Sampling, SelfDemo

HOSTILE = (
    "a | b ``` <script>alert(99)</script> {{ 88 * 88 }} {% raw %} **bold** [x](javascript:99) <|im_end|> www.evil.test"
)
"""One line of it; `PAGE` has several."""
PAGE = f"---\nlicense: mit\n---\n# Heading\n\n````\n{HOSTILE}\n````\n\n| a | b |\n|---|---|\n</pre>"
DATA = {"train_questions": ["embedded"], "train_corpus": "embedded", "retriever": "bm25", "passages_per_question": 2}


def evidence(count: int = 6) -> list[Evidence]:
    """Rows by turns with and without the answer; titles, texts and questions are hostile."""
    return [
        Evidence(
            Question(f"q{i}", f"Who built number {i}? {HOSTILE}", (f"Builder {i}",)),
            (Passage(f"p{i}", f"{PAGE}\n{'Builder' if i % 2 == 0 else 'Nobody'} {i} did.", f"Title {HOSTILE}", 2.5),),
            answer_in_context=i % 2 == 0,
        )
        for i in range(count)
    ]


def reply(request: Request) -> str:
    """Right where the number is even, if the passages are shown; and hostile, too."""
    if request.choices:
        return request.choices[0]
    if request.stage == "refusal":
        return "The passages do not mention it."
    found = re.search(r"number (\d+)", request.messages[-1]["content"])
    number = int(found[1]) if found else -1
    right = request.stage == "rag" and number % 2 == 0
    return f"It was Builder {number}. | {HOSTILE}" if right else f"It was the moon. {HOSTILE}"


def demonstrated(
    run: Path,
    strategy: Strategy | None = None,
    judge: Judge | None = None,
    model: str = "me/writer",
    settings: Mapping[str, Any] | None = None,
    rows: Sequence[Evidence] = (),
) -> Path:
    """Finished demonstrations in the folder of a run, as `hf-selfdemo demonstrate` leaves them."""
    folder = run / "demonstrations"
    demonstrate(
        rows or evidence(),
        strategy or SelfDemo(Sampling(max_candidate_tokens=99), Choosing(max_abstain_share=1)),
        ScriptedGenerator(reply), judge or AnswerMatchJudge(), folder,
    )  # fmt: skip
    usage = Usage()
    usage.add("rag", Reply("", prompt_tokens=30, cached_tokens=10, generated_tokens=5))
    named = {"method": "self_demo", "rag_candidates": 3, "closed_book_candidates": 3, "refusal_candidates": 3}
    added = {
        "model": {"name": model, "path": "", "fingerprint": "f1"},
        "recall": {"answer@1": 0.5, "answer@10": 0.75, "answer@2": 0.5},
        "settings": {**named, "temperature": 1.0, "greedy_first": False, "templates": "t1", **(settings or {})},
        "selection": {"judge": "answer_match", "pair_policy": "first_round_loser", "abstain_when": "nothing_right",
                      "max_abstain_share": 0.5, "bracket_size": 3, "unverified_winners": "keep", **(settings or {})},
        "usage": asdict(usage),
        "reused": asdict(usage),
        "on_policy": {},
    }  # fmt: skip
    write_json(folder / "manifest.json", read_json(folder / "manifest.json") | added)
    return run


def written(artefact: Any, folder: Path) -> Path:
    """An artefact's files in a folder, as the repository would have them."""
    for name, content in artefact.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        else:
            target.write_text(content, encoding="utf-8")
    return folder


class Page(HTMLParser):
    """A card as it is shown: its tags, its headings, and all its text."""

    def __init__(self, card: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.headings: list[str] = []
        self.links: list[str] = []
        self.text = ""
        body = re.sub(r"\A---\n.*?\n---\n", "", card, count=1, flags=re.DOTALL)
        self.feed(MarkdownIt("commonmark").enable("table").render(body))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag in ("h1", "h2"):
            self.headings.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.headings and self.lasttag in ("h1", "h2") and not self.headings[-1]:
            self.headings[-1] = data.strip()


def code_blocks(card: str, language: str = "python") -> list[str]:
    """The code that a card shows."""
    return re.findall(rf"^```{language}\n(.*?)^```$", card, flags=re.DOTALL | re.MULTILINE)
