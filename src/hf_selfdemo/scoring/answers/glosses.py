"""Gold answers with explanations, e.g. "Echidna (spiny anteater)", for which "Echidna" is a correct reply."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from hf_selfdemo.scoring.answers.expected import LANDS
from hf_selfdemo.scoring.answers.tables.contrasts import CONTRASTS
from hf_selfdemo.scoring.answers.tables.persons import TITLES
from hf_selfdemo.scoring.answers.tables.rows import each
from hf_selfdemo.scoring.answers.tables.spellings import STATES
from hf_selfdemo.scoring.answers.tables.weights import GENERIC, STOPWORDS
from hf_selfdemo.scoring.answers.words import words

_ASIDE = re.compile(r"(?:^|(?<=\s))[(\[]([^()\[\]]+)[)\]](?=[\s,.;]|$)\s*")
_NUMBERED = re.compile(r"(?:part|volume|vol|book|episode|season|series|chapter|act|number|no)\b\.? ", re.IGNORECASE)
_CALLED = (
    r"(?:(?:also|better|best|formerly|now|originally|previously|once|later|commonly|sometimes) )?"
    r"(?:known as|called|named)|aka|a\.k\.a\.?|i\.e\.|that is|also|formerly|previously|originally|now|alias|née|born"
    r"|who (?:was|is|became)"
)
_ALIAS = re.compile(rf",?\s(?:(?P<or>or)|{_CALLED}),?\s|\s/\s|;\s(?:or|{_CALLED})\s", re.IGNORECASE)
_OPENS_ALIAS = re.compile(rf"(?:or|{_CALLED})\s", re.IGNORECASE)
_CLAUSE = re.compile(
    r",\s(?:who|whom|whose|which|where|when|in|near|specifically|especially)\s.*|\s[-–—]\s[a-z].*"
    r"|,\s(?:an?|the)\s(?!.*(?:,| and | & )).*"
)
_LETTERS_AFTER = re.compile(r"(?:,\s(?:[A-Z]{2,5}|[A-Z]\.[A-Z]\.|PhD|Esq)\.?)+$")
_IN_YEAR = re.compile(r"(?<=\w)\sin\s\d{4}$")
_DESCRIBED = re.compile(r"(?:the |an? )?(?:[A-Z]\w+ )?(?:[a-z-]+ )*?(?P<kind>[a-z]+) (?P<name>[A-Z]\S*(?: [A-Z]\S*)*)")
_KINDS = (GENERIC | TITLES | each("duo trio musical magazine newspaper programme program ship")) - CONTRASTS.keys()
_COMPARED = each("more less higher lower later earlier older younger over under above below so fewer not")
_FEWEST_WORDS = 2


@lru_cache(maxsize=1 << 10)
def plain_answers(answer: str, question: str = "") -> tuple[str, ...]:
    """The plain answers that a gold answer stands for, without its explanations; the answer itself if it has none.

    Explanations are asides in brackets, clauses, appositions, letters after a name (e.g. "PhD") and a description
    before it. An alternative name, joined by "or" or given in an aside, is an answer of its own.

    Args:
        answer: a gold answer.
        question: the question. If it contains "or", it asks for a choice, and "or" in the answer joins no alternatives.

    Returns:
        the plain answers, without duplicates.

    Example:
        >>> plain_answers("Echidna (spiny anteater)")
        ('Echidna', 'spiny anteater')
        >>> plain_answers("Nicholas Breakspear, who was Adrian IV"), plain_answers("Romeo and Juliet")
        (('Nicholas Breakspear', 'Adrian IV'), ('Romeo and Juliet',))
    """
    found = list(_readings(answer, question)) if " " in answer else [answer]
    return (answer,) if found == [answer] else tuple(dict.fromkeys(filter(_tells, found))) or (answer,)


def _readings(answer: str, question: str) -> Iterator[str]:
    asides = [aside for aside in _ASIDE.findall(answer) if not _NUMBERED.match(aside)]
    main = answer
    for aside in asides:
        main = re.sub(rf"\s*[(\[]{re.escape(aside)}[)\]]", "", main).strip(" ,;")
    if asides and not _tells(main):
        yield answer
        return
    for name in _names(main, question):
        yield _bare(name)
    for aside in asides:
        if _OPENS_ALIAS.match(aside):
            yield _OPENS_ALIAS.sub("", aside)
        elif _is_name_for(aside, main):
            yield aside


def _names(text: str, question: str) -> Iterator[str]:
    """Yield the text, or each of the alternative names that it gives for one thing."""
    found = _ALIAS.search(text)
    if not found:
        yield text
        return
    first, rest = text[: found.start()].removeprefix("either "), text[found.end() :]
    joined_by_or = bool(found["or"])
    if joined_by_or and (" or " in question.casefold() or _is_title(text) or rest.split()[0].casefold() in _COMPARED):
        yield text
        return
    yield first
    if joined_by_or or not rest[0].islower() or first[0].islower() or "known" in found[0] or "called" in found[0]:
        yield from _names(rest, question)


def _is_title(text: str) -> bool:
    """Whether "or" joins two single capitalised words, which make a title ("Dead or Alive") and not alternatives."""
    parts = text.split()
    return len(parts) == 3 and parts[0][0].isupper() and parts[2][0].isupper()


def _bare(name: str) -> str:
    """A name without a clause, letters or a year after it, and without a description before it."""
    name = _CLAUSE.sub("", name)
    letters = _LETTERS_AFTER.search(name) if "," in name else None
    if letters and " " in name[: letters.start()] and not _is_land(letters[0].strip(" ,.")):
        name = name[: letters.start()]
    if name[:1].isupper():
        name = _IN_YEAR.sub("", name)
    described = _DESCRIBED.fullmatch(name)
    return described["name"] if described and described["kind"] in _KINDS else name


def _is_name_for(aside: str, main: str) -> bool:
    """Whether an aside is another name for `main`, rather than its place, time or kind."""
    telling = [word for word in aside.split() if word.casefold() not in STOPWORDS]
    if any(letter.isdigit() for letter in aside) or _is_land(aside) or TITLES & set(words(aside).keys):
        return False
    if len(telling) < _FEWEST_WORDS:
        return aside.isupper() and len(aside) >= _FEWEST_WORDS and len(main.split()) >= _FEWEST_WORDS
    return aside.split()[0].casefold() not in STOPWORDS and "," not in aside


def _is_land(name: str) -> bool:
    return name.casefold() in STATES or words(name).keys in LANDS


def _tells(text: str) -> bool:
    return any((key not in STOPWORDS and key[0].isalnum()) or key[0] == "#" for key in words(text).keys)
