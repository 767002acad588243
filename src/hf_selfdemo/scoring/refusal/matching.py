"""Where rules find their phrases in the clauses of a reply."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hf_selfdemo.scoring.refusal import english
from hf_selfdemo.scoring.refusal.clauses import Clause
from hf_selfdemo.scoring.refusal.rules import Rulebook, find

Spans = dict[int, tuple[int, int]]
"""By place of a clause, where in the reply a phrase begins and ends."""

_OTHER_MATTER = re.compile(english.OTHER_MATTER)
_EXPLAINS = re.compile(r"\bmean(?:s|ing that)?\b")  # "NULL means that the value is unknown"
LONGEST_CLAUSE = 400  # in characters; some patterns take time that is quadratic in it


def matches(clauses: Sequence[Clause], rules: Rulebook, first: int = 0) -> Spans:
    """Where one of `rules` finds its phrase, by place of the clause, from the `first` on."""
    found = {}
    for i, clause in enumerate(clauses[first:], first):
        if clause.words.isdisjoint(rules.needed) or _OTHER_MATTER.search(clause.low):
            continue
        span = find(rules, clause.low[:LONGEST_CLAUSE], clause.words)
        if span and not _EXPLAINS.search(clause.low, 0, span[0]):
            found[i] = (clause.start + span[0], clause.start + span[1])
    return found
