"""Detects whether a reply abstains.

A list of fixed phrases flags helpful answers as abstentions and covers one language only. Here a reply is cut into
clauses, rules look for abstention phrases in each clause (`speaker`, `english`, `languages`), and `commitment` checks
whether the reply gives an answer all the same. Without the question, these conventions apply:

1. *Who does not know.* The reply abstains if the speaker does not know or will not say, if the passages do not say, or
   if the speaker asks back before answering. A statement that nobody knows ("Nobody knows who built it", "by an unknown
   author", "was never identified") is a fact about the world and counts as an answer.
2. *Impersonal phrases.* In the present tense ("The author is unknown", "It is not known who built it") they count as
   abstentions, because they may mean "nobody knows" or "I do not know". In the past tense they are facts about the
   world.
3. *Commitment wins.* A reply that gives an answer does not abstain, however hedged the answer is, and whether it comes
   before or after the doubt.
4. *The main point decides.* A bare name or date, or a sentence about "it", "he", "she" or "they", is an answer. What
   else such a reply abstains on is a remark ("In 1912; the passage does not say by whom"), and so is a clause after
   "although". A full sentence that sets the scene or says what the passages are about is not an answer ("Ada Storm was
   a chemist. The passages do not say when she died").
5. *Other people's words* do not count: quotations, titles and reported speech.

The question, if given, decides more cases. `asked` checks whether the reply abstains on what was asked or only on a
detail beside the answer. `lacking` accepts weaker signs of abstention if nothing in the reply can be the answer.
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
    """True if `text` abstains, in whatever words.

    Args:
        text: the model's reply, in English or, if simply worded, in Chinese, Dutch, French, German, Italian, Japanese,
            Polish, Portuguese, Russian or Spanish.
        question: the question; it helps to tell an abstention from a remark on something else.

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


@lru_cache(maxsize=1 << 8)  # callers check the same reply several times in a row
def refusal_phrase(text: str, question: str = "") -> str | None:
    """The abstention phrase of `text`, as written in it; None if `text` does not abstain.

    Args:
        text: the model's reply, as for `is_refusal`.
        question: the question, as for `is_refusal`.

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
    """The abstention phrase of `text` without asides in brackets; None if there are no asides or no phrase.

    Brackets would split a clause, e.g. "Only the date of her death (8 May 1999) is given".
    """
    plain = _ASIDE.sub(lambda aside: " " * len(aside[0]), text)
    return refusal_phrase(plain, question) if plain != text else None


def stated_beside(text: str, question: str) -> str:
    """What an abstaining reply states besides; "" if it abstains on just what was asked or on the whole question.

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
    """The abstaining clauses without their abstention phrases, but with a subject from the clauses before."""
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
    """The start and end of the abstention phrases in the reply, by index of their clauses, in order."""
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
