"""Whether people would judge a prediction correct: a deterministic verdict without a model."""

from __future__ import annotations

from collections.abc import Sequence

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.scoring.answers.claims import asserted, declines, denies, guesses, hedges
from hf_selfdemo.scoring.answers.coverage import states_acronym, states_essence, states_squashed
from hf_selfdemo.scoring.answers.dates import states_dates
from hf_selfdemo.scoring.answers.expected import Expected, asking, expected
from hf_selfdemo.scoring.answers.glosses import plain_answers
from hf_selfdemo.scoring.answers.mentions import given, names_kin
from hf_selfdemo.scoring.answers.names import names_person
from hf_selfdemo.scoring.answers.namesakes import belongs_to_another, lacks_qualifier
from hf_selfdemo.scoring.answers.numbers import states_numbers
from hf_selfdemo.scoring.answers.polarity import polar, polarity
from hf_selfdemo.scoring.answers.reading import Reading, read, row_of
from hf_selfdemo.scoring.answers.replaced import replaces
from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.normalise import normalise
from hf_selfdemo.scoring.refusal import stated_beside


def answers_match(prediction: str, answers: Sequence[str], question: str = "") -> bool:
    """Whether people would accept `prediction` as one of `answers`.

    The verdict is meant to agree with people where string containment is too strict ("December 25th, 2001" for "25
    December 2001", "Robert Adamson" for "Robert Gillespie Adamson IV", the essential part of a long answer) and where
    it is too generous (an answer that is denied, or one guess among many). A reply that abstains never matches. Adding
    a gold answer never turns a match into a mismatch.

    Args:
        prediction: the reply: an answer, a sentence or a few paragraphs.
        answers: the gold answers, any one of which is enough.
        question: the question. Its words count little in an answer, and it tells whether a person, a time, a place or
            an amount is asked for. Without it, the verdict is slightly less reliable.

    Returns:
        True if the prediction is correct.

    Raises:
        UserError: if `answers` is a single string, each letter of which would count as an answer.

    Example:
        >>> answers_match("It opened on Dec 25th, 2001.", ["25 December 2001"], "when did it open")
        True
        >>> answers_match("It was not Rome but Paris.", ["Rome"]), answers_match("I don't know.", ["Rome"])
        (False, False)
    """
    if isinstance(answers, str):
        raise UserError(f"answers is one string, {answers!r}", "give a list of answers")
    text = read(prediction)
    rows = [row for row in map(row_of, answers) if row != " "]
    if text.row in rows or (text.row == " " and _same_signs(prediction, answers)):
        return True
    answers = [plain for answer in answers for plain in plain_answers(answer, question)]
    polarities = {polar(answer, question) for answer in answers} - {None}
    if polarities:
        answers = [answer for answer in answers if polar(answer, question) is None]
    rows = [row_of(answer) for answer in answers]
    right = bool(polarities) and polarity(prediction, question) in polarities
    return (right or _gives_any(text, rows, prediction, answers, question)) and not (
        (
            declines(prediction, question)
            and not any(map(declines, answers))  # a gold answer may itself be "unknown"
            and not _states_beside(prediction, answers, question)
        )
        or hedges(prediction, question)
        or (guesses(prediction) and not _lists_answers(text, rows, answers))
    )


def _same_signs(prediction: str, answers: Sequence[str]) -> bool:
    """Whether the prediction equals an answer that contains no word, e.g. an emoji."""
    said = normalise(prediction)
    return bool(said) and any(said == normalise(answer) for answer in answers if row_of(answer) == " ")


def _states_beside(prediction: str, answers: Sequence[str], question: str) -> bool:
    """Whether a reply that partly abstains states an answer elsewhere that the question does not already contain."""
    beside = stated_beside(prediction, question)
    return bool(beside) and answers_match(beside, answers, question) and not contains_answer(question, answers)


def _lists_answers(text: Reading, rows: list[str], answers: Sequence[str]) -> bool:
    """Whether a list is a proper reply: a gold answer is itself a list, or the text contains two gold answers."""
    return any("," in one or " and " in one for one in answers) or sum(row in text.row for row in set(rows)) > 1


def _gives_any(text: Reading, rows: list[str], prediction: str, answers: Sequence[str], question: str) -> bool:
    """Whether the prediction asserts any of the answers, rather than merely mentioning it."""
    if not _states_any(text, rows, prediction, answers, question):
        return False
    rest = given(prediction, question)
    if rest == prediction:
        return True
    kin = [answer for answer in answers if names_kin(answer)]
    return _states_any(read(rest), rows, rest, answers, question) or (
        bool(kin) and _states_any(text, [row_of(answer) for answer in kin], prediction, kin, question)
    )


def _states_any(text: Reading, rows: list[str], prediction: str, answers: Sequence[str], question: str) -> bool:
    """Whether the prediction states any of the answers and does not deny it; `rows` is `row_of` of each answer."""
    wanted = (one for one in (expected(answer, question) for answer in answers) if one.row != " ")
    if not denies(prediction):  # the cheap test first: it decides most cases
        return any(word_for_word(text, row) for row in rows) or any(
            not one.negates and states(text, one, question) for one in wanted
        )
    stated = text if asking(question).negates else read(asserted(prediction))
    return any(states(text if one.negates else stated, one, question) for one in wanted)


def states(text: Reading, wanted: Expected, question: str) -> bool:
    """Whether a text states one answer, verbatim or by the rule for its kind."""
    if wanted.row in text.row:
        return word_for_word(text, wanted.row)
    keys, asked = text.words.keys, asking(question).keys
    if wanted.dates:
        return states_dates(keys, wanted.dates, asked)
    if wanted.amount:
        return states_numbers(text.words, wanted.keys)
    if wanted.parts:
        return all(states(text, expected(part, question), question) for part in wanted.parts)
    if states_acronym(text, wanted) or states_squashed(text, wanted):
        return True
    if wanted.qualified and lacks_qualifier(text.words, wanted.qualified):
        return False
    if wanted.name:
        return names_person(text.words, wanted.name, asked)
    return states_essence(text, wanted) and not (wanted.undivided and replaces(text.words, wanted, asked))


def word_for_word(text: Reading, row: str) -> bool:
    """Whether a text contains the words of an answer in sequence, and not as part of another place's name."""
    return row in text.row and (row.count(" ") > 2 or not belongs_to_another(text.words, row.strip()))
