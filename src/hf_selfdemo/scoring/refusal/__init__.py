"""Does a reply decline to answer?

Phrase lists call helpful answers refusals, and know one language. Here a reply is cut into clauses, each is read by
rules that are tied to the act of declining (`speaker`, `english`, `languages`), and a reply that commits itself
elsewhere is an answer (`commitment`). What counts as declining, without a look at the question:

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

With the question more can be told. What is declined may be what was asked, or a remark beside the answer (`asked`). And
where nothing in a reply can be the answer, less is enough to decline (`lacking`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from hf_selfdemo.scoring.refusal import asked, english, languages, speaker, weak
from hf_selfdemo.scoring.refusal.clauses import Clause, cut
from hf_selfdemo.scoring.refusal.commitment import commits
from hf_selfdemo.scoring.refusal.lacking import HOLDS_INSTEAD, LACKS, lacking
from hf_selfdemo.scoring.refusal.matching import Spans, matches
from hf_selfdemo.scoring.refusal.rules import Rulebook, find, needed, words
from hf_selfdemo.scoring.refusal.statements import stated
from hf_selfdemo.scoring.refusal.structured import answer_in
from hf_selfdemo.scoring.refusal.vocabulary import SPEAKS_OF_PASSAGES, SPEAKS_WORDS, TOLD, WH

_RULES = Rulebook(speaker.RULES + english.RULES + languages.RULES)
_RULES_OF_PASSAGES = Rulebook((*_RULES, *english.OF_PASSAGES, *languages.OF_PASSAGES))
_OFF_TOPIC, _WHOLE_REPLY = Rulebook(weak.OFF_TOPIC), Rulebook([english.WHOLE_REPLY])
_NEEDED = needed((*_RULES_OF_PASSAGES, *_OFF_TOPIC, *LACKS, *HOLDS_INSTEAD, *_WHOLE_REPLY))
_PASSAGES = re.compile(
    rf"{SPEAKS_OF_PASSAGES}|{languages.SPEAKS_OF_PASSAGES}"
    rf"|\b(?:is|are|was|were) (?:\w+ )?(?:{TOLD}|named|described|listed|quoted)\b"
)
_PASSAGE_WORDS = frozenset(f"{SPEAKS_WORDS} {languages.SPEAKS_WORDS}".split())
_INDIRECT = re.compile(rf"^(?:but |and )?{WH}\b")
_ASIDE = re.compile(r"(?<=\w )\([^()]*\)(?= \w)")
_LONGEST_WHOLE = 60


def is_refusal(text: str, question: str = "") -> bool:
    """True if `text` declines to answer, in whatever words.

    Args:
        text: a model's reply; in English, or in plain words in Chinese, Dutch, French, German, Italian, Japanese,
            Polish, Portuguese, Russian or Spanish.
        question: what was asked, which tells a refusal from a remark on something else.

    Example:
        >>> is_refusal("I'm sorry, the passages don't say who built it.")
        True
        >>> is_refusal("I'm not certain, but it was 1912.")
        False
        >>> is_refusal('It is the song "I Don\\'t Know" by Paul McCartney.')
        False
        >>> text = "Toni Morrison wrote Beloved. The passages do not give the date."
        >>> is_refusal(text, "Who wrote Beloved?"), is_refusal(text, "When was it written?")
        (False, True)
    """
    return refusal_phrase(text, question) is not None


@lru_cache(maxsize=1 << 8)  # judge, match and report ask about one reply within a moment
def refusal_phrase(text: str, question: str = "") -> str | None:
    """The words by which `text` declines, as they stand in it; None if it does not.

    Args:
        text: as for `is_refusal`.
        question: likewise.

    Example:
        >>> refusal_phrase("I'm sorry, the passages don't say who built it.")
        "the passages don't say"
        >>> refusal_phrase("It was 1912, but the passages don't say so.")
    """
    low = text.lower().replace("’", "'")
    held = words(low)
    if held.isdisjoint(_NEEDED) and not (question and "?" in text):
        return None
    if len(low) == len(text) <= _LONGEST_WHOLE and (span := find(_WHOLE_REPLY, low, held)):
        return text[slice(*span)]
    if (answer := answer_in(text)) is not None:
        return None if answer and refusal_phrase(answer, question) is None else text.strip()
    clauses = cut(text)
    declining = _declining(clauses)
    weakly = not declining
    declining = declining or matches(clauses, _OFF_TOPIC) or lacking(clauses, question)
    if not declining:
        return _without_asides(text, question) if "(" in text and question else None
    relation = _relation(clauses, declining, question, weakly)
    if relation == "beside":
        return None
    if commits(clauses, declining, question, relation == "asked", weakly):
        return _without_asides(text, question) if "(" in text and question else None
    start, end = next(iter(declining.values()))
    return text[start:end]


def _without_asides(text: str, question: str) -> str | None:
    """ "Only the date of her death (8 May 1999) is given": brackets part no clause."""
    plain = _ASIDE.sub(lambda aside: " " * len(aside[0]), text)
    return refusal_phrase(plain, question) if plain != text else None


def stated_beside(text: str, question: str) -> str:
    """What a reply that declines states besides; nothing if it declines just what was asked, or all at once.

    Example:
        >>> text = "Bats are mammals that live in caves. The passages do not describe their young."
        >>> stated_beside(text, "What are bats?")
        'Bats are mammals that live in caves'
        >>> stated_beside("Ada Storm was a chemist. The passages do not say when she died.", "When did Ada Storm die?")
        ''
    """
    clauses = cut(text)
    declining = _declining(clauses)
    beside = stated(clauses, declining)
    declined = _declined(clauses, declining)
    all_at_once = asked.kind_of(question) and not asked.content(" ".join(declined))
    if not beside or all_at_once or asked.relation(question, declined, beside) == "asked":
        return ""
    return ". ".join(beside)


def _declined(clauses: Sequence[Clause], declining: Spans) -> list[str]:
    """The clauses that decline, without the phrases by which they do."""
    found = []
    for i, (start, end) in declining.items():
        clause = clauses[i]
        subject = ""
        if start == clause.start and i and ")" in clause.after:  # "The owner (Mark Davis) is not mentioned"
            subject = " ".join(other.low for other in clauses[max(i - 2, 0) : i])
        elif i and clause.after == ", " and _INDIRECT.match(clauses[i - 1].low):  # "Why it did so, none of them says"
            subject = clauses[i - 1].low
        found.append(f"{subject} {clause.low[: start - clause.start]} {clause.low[end - clause.start :]}")
    return found


def _declining(clauses: Sequence[Clause]) -> Spans:
    """The places of the clauses that decline, in order, and where in the reply their phrases begin and end."""
    speaks_of_passages = next(
        (i for i, c in enumerate(clauses) if not c.words.isdisjoint(_PASSAGE_WORDS) and _PASSAGES.search(c.low)),
        len(clauses),
    )
    return matches(clauses[:speaks_of_passages], _RULES) | matches(clauses, _RULES_OF_PASSAGES, speaks_of_passages)


def _relation(clauses: Sequence[Clause], declining: Spans, question: str, weakly: bool) -> asked.Relation:
    if not question:
        return "open"
    declined = [clauses[i].low for i in declining] if weakly else _declined(clauses, declining)
    return asked.relation(question, declined, stated(clauses, declining))
