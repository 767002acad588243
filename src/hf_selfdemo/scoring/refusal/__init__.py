"""Does a reply decline to answer?

Phrase lists call helpful answers refusals, and know one language. Here a reply is cut into clauses, each is read by
rules that are tied to the act of declining (`english`, `languages`), and a reply that commits itself elsewhere is an
answer (`commitment`). What counts as declining, without a look at the question:

1. *Who lacks the knowledge.* It is a refusal if the speaker does not know or will not say, if what was shown does not
   say, or if something is asked for before an answer. That nobody knows, as a fact about the world ("Nobody knows who
   built it", "by an unknown author", "was never identified"), is an answer.
2. *Left open.* An impersonal phrase in the present tense ("The author is unknown", "It is not known who built it") is a
   refusal: nothing in it tells "nobody knows" from "I do not know". In the past it tells of the world.
3. *Commitment wins.* Whoever puts an answer forward has answered, however hedged, before or after the words of doubt.
4. *The main thing decides.* A bare name or date, or a sentence about "it", "he", "she" or "they", answers, and what
   else is not given is a remark ("In 1912; the passage does not say by whom"), as is what follows "although". A full
   sentence that sets the scene, or tells what the passages are about, is no answer ("Ada Storm was a chemist. The
   passages do not say when she died").
5. *Other people's words* do not count: quotes, titles, and what somebody said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from hf_selfdemo.scoring.refusal import english, languages
from hf_selfdemo.scoring.refusal.clauses import Clause, cut
from hf_selfdemo.scoring.refusal.commitment import commits
from hf_selfdemo.scoring.refusal.rules import Rule, find, needed, words
from hf_selfdemo.scoring.refusal.vocabulary import SPEAKS_OF_PASSAGES

_RULES: tuple[Rule, ...] = english.RULES + languages.RULES
_RULES_OF_PASSAGES: tuple[Rule, ...] = _RULES + english.OF_PASSAGES
_NEEDED = needed((*_RULES_OF_PASSAGES, *english.OFF_TOPIC, english.WHOLE_REPLY))
_PASSAGES = re.compile(SPEAKS_OF_PASSAGES)
_OTHER_MATTER = re.compile(english.OTHER_MATTER)
_LONGEST_WHOLE = 60
_LONGEST_CLAUSE = 400  # in characters; some patterns take time that is quadratic in it


def is_refusal(text: str) -> bool:
    """True if `text` declines to answer, in whatever words.

    Args:
        text: a model's reply; in English, or in plain words in Chinese, Dutch, French, German, Italian, Japanese,
            Polish, Portuguese or Spanish.

    Example:
        >>> is_refusal("I'm sorry, the passages don't say who built it.")
        True
        >>> is_refusal("I'm not certain, but it was 1912.")
        False
        >>> is_refusal('It is the song "I Don\\'t Know" by Paul McCartney.')
        False
    """
    return refusal_phrase(text) is not None


@lru_cache(maxsize=1 << 8)  # judge, match and report ask about one reply within a moment
def refusal_phrase(text: str) -> str | None:
    """The words by which `text` declines, as they stand in it; None if it does not.

    Args:
        text: as for `is_refusal`.

    Example:
        >>> refusal_phrase("I'm sorry, the passages don't say who built it.")
        "the passages don't say"
        >>> refusal_phrase("It was 1912, but the passages don't say so.")
    """
    low = text.lower().replace("’", "'")
    held = words(low)
    if held.isdisjoint(_NEEDED):
        return None
    if len(low) == len(text) <= _LONGEST_WHOLE and (span := find((english.WHOLE_REPLY,), low, held)):
        return text[slice(*span)]
    clauses = cut(text)
    declining = _declining(clauses)
    off_topic = {} if declining else _matches(clauses, english.OFF_TOPIC)
    if not (declining or off_topic) or commits(clauses, declining or off_topic, weakly=bool(off_topic)):
        return None
    start, end = next(iter((declining or off_topic).values()))
    return text[start:end]


def _declining(clauses: Sequence[Clause]) -> dict[int, tuple[int, int]]:
    """The places of the clauses that decline, in order, and where in the reply their phrases begin and end."""
    speaks_of_passages = next((i for i, clause in enumerate(clauses) if _PASSAGES.search(clause.low)), len(clauses))
    return _matches(clauses[:speaks_of_passages], _RULES) | _matches(clauses, _RULES_OF_PASSAGES, speaks_of_passages)


def _matches(clauses: Sequence[Clause], rules: Sequence[Rule], first: int = 0) -> dict[int, tuple[int, int]]:
    """Where one of `rules` finds its phrase, by place of the clause, from the `first` on."""
    found = {}
    for i, clause in enumerate(clauses[first:], first):
        held = words(clause.low)
        if held.isdisjoint(_NEEDED) or _OTHER_MATTER.search(clause.low):
            continue
        span = find(rules, clause.low[:_LONGEST_CLAUSE], held)
        if span:
            found[i] = (clause.start + span[0], clause.start + span[1])
    return found
