"""Would people call this prediction right? A deterministic verdict, without a model."""

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
    """Whether people would take `prediction` for one of `answers`.

    Meant to agree with people where containment is too strict ("December 25th, 2001" for "25 December 2001", "Robert
    Adamson" for "Robert Gillespie Adamson IV", the essential part of a long answer) and where it is too generous (an
    answer that is denied, or one guess of many). A reply that declines never matches. One more answer never turns a
    match into none.

    Args:
        prediction: what was replied: an answer, a sentence, or some paragraphs.
        answers: the accepted answers, each of which would do.
        question: what was asked. Its words tell little in an answer, and it says whether a person, a time, a place or
            an amount is wanted; without it the verdict is a little worse.

    Raises:
        UserError: if `answers` is one string, whose letters would each be an answer.

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
            and not any(map(declines, answers))  # "unknown" is the answer
            and not _states_beside(prediction, answers, question)
        )
        or hedges(prediction, question)
        or (guesses(prediction) and not _lists_answers(text, rows, answers))
    )


def _same_signs(prediction: str, answers: Sequence[str]) -> bool:
    """Whether an answer without any word is the prediction: an emoji."""
    said = normalise(prediction)
    return bool(said) and any(said == normalise(answer) for answer in answers if row_of(answer) == " ")


def _states_beside(prediction: str, answers: Sequence[str], question: str) -> bool:
    """Whether a reply that declines something states an answer elsewhere, and not because the question names it."""
    beside = stated_beside(prediction, question)
    return bool(beside) and answers_match(beside, answers, question) and not contains_answer(question, answers)


def _lists_answers(text: Reading, rows: list[str], answers: Sequence[str]) -> bool:
    """Whether a row of names is due: an accepted answer is one itself, or the text holds two of those accepted."""
    return any("," in one or " and " in one for one in answers) or sum(row in text.row for row in set(rows)) > 1


def _gives_any(text: Reading, rows: list[str], prediction: str, answers: Sequence[str], question: str) -> bool:
    """Whether the prediction asserts any of the answers, and does not only mention it."""
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
    """Whether the prediction asserts any of the answers, whose words in a row are `rows`."""
    wanted = (one for one in (expected(answer, question) for answer in answers) if one.row != " ")
    if not denies(prediction):  # a look at the bare words first: most answers need no closer one
        return any(word_for_word(text, row) for row in rows) or any(
            not one.negates and states(text, one, question) for one in wanted
        )
    stated = text if asking(question).negates else read(asserted(prediction))
    return any(states(text if one.negates else stated, one, question) for one in wanted)


def states(text: Reading, wanted: Expected, question: str) -> bool:
    """Whether a text states one answer: word for word, or by the rule that its kind asks for."""
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
    """Whether the words of an answer stand in a text, in a row and not as another place's name."""
    return row in text.row and (row.count(" ") > 2 or not belongs_to_another(text.words, row.strip()))
