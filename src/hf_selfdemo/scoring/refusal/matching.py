"""Applies rules to the clauses of a reply."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hf_selfdemo.scoring.refusal import english
from hf_selfdemo.scoring.refusal.clauses import Clause
from hf_selfdemo.scoring.refusal.rules import Rulebook, find

Spans = dict[int, tuple[int, int]]
"""The start and end of a phrase in the reply, by index of its clause."""

_OTHER_MATTER = re.compile(english.OTHER_MATTER)
_EXPLAINS = re.compile(r"\bmean(?:s|ing that)?\b")  # no abstention: "NULL means that the value is unknown"
LONGEST_CLAUSE = 400  # in characters; the time of some patterns is quadratic in the length


def matches(clauses: Sequence[Clause], rules: Rulebook, first: int = 0) -> Spans:
    """The phrases that `rules` find, by index of their clauses, in the clauses from index `first` on."""
    found = {}
    for i, clause in enumerate(clauses[first:], first):
        if clause.words.isdisjoint(rules.needed) or _OTHER_MATTER.search(clause.low):
            continue
        span = find(rules, clause.low[:LONGEST_CLAUSE], clause.words)
        if span and not _EXPLAINS.search(clause.low, 0, span[0]):
            found[i] = (clause.start + span[0], clause.start + span[1])
    return found
