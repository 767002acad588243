"""Rows for the contract tests: a gold answer that no request may show, and passages that do not contain it."""

from hf_selfdemo.core.types import Evidence, Passage, Question

SENTINEL = "Zyxomma Qwertzuiop"
SHOWN = (Passage("p1", "It was found in a mine.", "Germanium"), Passage("p2", "Bernard Courtois found iodine."))
ANSWERABLE = Evidence(Question("q1", "Who discovered germanium?", (SENTINEL,), gold_ids=("p1",)), SHOWN)
