"""Finds weak signs of abstention: they count only if nothing in the reply answers the question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hf_selfdemo.scoring.refusal import asked, weak
from hf_selfdemo.scoring.refusal.clauses import SENTENCE_ENDS, Clause
from hf_selfdemo.scoring.refusal.matching import LONGEST_CLAUSE, Spans, matches
from hf_selfdemo.scoring.refusal.rules import Rulebook

LACKS, HOLDS_INSTEAD = Rulebook(weak.LACKS), Rulebook(weak.HOLDS_INSTEAD)
_ASKS = re.compile(
    r"^(?:(?:but|and|so|or|sorry|hm+|ok|okay) )*(?:which|what|who|whose|whom|where|when|why|how|do you|did you"
    r"|are (?:you|we)|is there"
    r"|are there|can you|could you|would you|for (?:the|which)|in (?:the|which|what)|(?:the|a) .* or (?:the|a))\b"
)
_IS_TITLE = re.compile(r"^\W*[A-Z]\w*(?: [A-Z][\w']*){2,}")
_LACKS_ITSELF = re.compile(r"\b(?:not|no|never|nothing)\b|n't\b")
_CLEARLY_LACKS, _OF_TELLER = re.compile(weak.CLEARLY_LACKS), re.compile(weak.OF_TELLER)
_LONG = 8  # in clauses; weak signs do not count in a longer reply


def lacking(clauses: Sequence[Clause], question: str) -> Spans:
    """Clauses that say something is missing, without an answer of the kind asked for, or that ask back."""
    kind = asked.kind_of(question)
    if not question or len(clauses) > _LONG:
        return {}
    if kind is None or _LACKS_ITSELF.search(question):
        return _asking_back(clauses)
    found = matches(clauses, LACKS)
    denial = asked.denial(question)
    denied = {i: d for i, c in enumerate(clauses) if denial and (d := denial.search(c.low[:LONGEST_CLAUSE]))}
    found = {i: (clauses[i].start + d.start(), clauses[i].start + d.end()) for i, d in denied.items()} | found
    if asked.is_signed(question):
        lower = all(clause.text.islower() for clause in clauses)
        found = {
            i: span for i, span in found.items() if not asked.may_answer(question, _capital(clauses[i].text, lower))
        }
    else:
        clearly = _OF_TELLER if kind == "whether" else _CLEARLY_LACKS
        found = {i: span for i, span in found.items() if i in denied or clearly.search(clauses[i].low)}
    instead = matches(clauses, HOLDS_INSTEAD)
    about = asked.content(question)
    found |= {i: span for i, span in instead.items() if _is_elsewhere(clauses[i], span, about)}
    return found | _asking_back(clauses)


def _is_elsewhere(clause: Clause, span: tuple[int, int], about: frozenset[str]) -> bool:
    """True if the phrase tells what a record covers, and the question is not about that record.

    "The list starts in 1990" is an answer to "When does the list start?".
    """
    phrase = clause.low[span[0] - clause.start : span[1] - clause.start]
    return phrase.startswith("the only ") or about.isdisjoint(asked.content(phrase))


def _asking_back(clauses: Sequence[Clause]) -> Spans:
    """Sentences that ask back, e.g. "Which of the two, the bar or the film?"; no titles or guesses ("Is it Rome?")."""
    found = {}
    start = 0
    for i, clause in enumerate(clauses):
        if not SENTENCE_ENDS & set(clause.until) and i + 1 < len(clauses):
            continue
        first = clauses[start]
        if "?" in clause.until and _ASKS.match(first.low) and not _IS_TITLE.search(first.text):
            found[start] = (first.start, first.start + len(first.text))
        start = i + 1
    return found


def _capital(text: str, lower: bool) -> str:
    """`text` with its first letter in upper case, unless the whole reply is in lower case."""
    return text if lower else text[:1].upper() + text[1:]
