"""Detects abstentions that are only a remark, e.g. "In 1912, though the passages do not say by whom"."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from hf_selfdemo.scoring.refusal import languages
from hf_selfdemo.scoring.refusal.asked import said
from hf_selfdemo.scoring.refusal.clauses import SENTENCE_ENDS, Clause
from hf_selfdemo.scoring.refusal.statements import OF_PASSAGES, PASSAGES, PREAMBLE, asserts
from hf_selfdemo.scoring.refusal.vocabulary import TEXT

SUBORDINATE = re.compile(rf"^(?:although|though|even though|while)\b|{languages.SUBORDINATE}")
_OF_SOME = re.compile(
    rf"\b{TEXT} \d+|\b(?:other|remaining|rest of the|first|second|third|last)(?: \w+)? {TEXT}\b|\bthe others\b"
    r"|^no (?:other|further) \w+|\b(?:anyone|anybody|anything) else$"
)
_INCIDENTAL = re.compile(
    r"\b(?:is|are|remains?|'s)(?: \w+)? (?:unknown|missing|absent|lacking|uncertain|unclear|unexplained|unrecorded)$"
    r"|\bnot (?:\w+ )?(?:known|clear|understood)\b"
)
_NOTE = re.compile(r"^(?:but |however |and )?(?:please )?(?:note|notes|nb|keep in mind|be aware|disclaimer|caveat)\b")
_VOUCHES = re.compile(
    r"\b(?:verify|confirm|guarantee|vouch for|check|be(?: \w+)? (?:sure|certain))(?: (?:this|that|it)| whether .*)?$"
)


def are_remarks(clauses: Sequence[Clause], declining: Collection[int]) -> bool:
    """True if the reply asserts something and every abstaining clause is only a remark beside it.

    A remark is about some of the passages only, is a note or disclaimer after the assertion, or is incidental beside
    two or more asserting sentences.
    """
    kinds = {_remark(clauses, i) for i in declining}
    if None in kinds:
        return False
    asserting = [
        i
        for i, clause in enumerate(clauses)
        if i not in declining
        and not clause.low.startswith(("i ", "i'"))
        and not PASSAGES.search(said(clause.low))
        and asserts(clause._replace(low=said(clause.low)))
    ]
    if not asserting or ("note" in kinds and min(asserting) > min(declining)):
        return False
    sentences = sum(bool(SENTENCE_ENDS & set(clauses[i].until)) for i in asserting)
    return "incidental" not in kinds or sentences > 1


def _remark(clauses: Sequence[Clause], at: int) -> str | None:
    """The kind of remark that an abstaining clause may be beside an answer; None if it is no remark."""
    low = clauses[at].low
    if _OF_SOME.search(low):
        return "of some passages"
    if _NOTE.match(low) or (at and _NOTE.match(clauses[at - 1].low)) or _VOUCHES.search(low):
        return "note"
    return "incidental" if _INCIDENTAL.search(low) else None


def is_mere_remark(clauses: Sequence[Clause], at: int) -> bool:
    """True if an abstaining clause is subordinate to an answer: "X, although the passages do not say Y"."""
    main = clauses[at - 1]
    if not SUBORDINATE.match(clauses[at].low) or SENTENCE_ENDS & set(clauses[at].after):
        return False
    return not OF_PASSAGES.search(main.low) and (main.low == "yes" or not PREAMBLE.match(main.low))
