"""Checks whether a reply gives an answer although some of its clauses abstain.

The answer may open the reply ("In 1912, though the passage does not say by whom"), follow the doubt ("I am not sure,
but it was 1912"), or be a sentence of its own ("I don't know for certain. It seems to have been Hooke.").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from hf_selfdemo.scoring.refusal import languages
from hf_selfdemo.scoring.refusal.asked import may_answer, said
from hf_selfdemo.scoring.refusal.clauses import SENTENCE_ENDS, Clause
from hf_selfdemo.scoring.refusal.english import ONLY_EXACTLY
from hf_selfdemo.scoring.refusal.remarks import SUBORDINATE, are_remarks, is_mere_remark
from hf_selfdemo.scoring.refusal.statements import (
    BROKEN_OFF,
    CONTRAST,
    EXPLETIVE,
    NO_ANSWER,
    OF_PASSAGES,
    PASSAGES,
    asserts,
    is_citation,
    is_fragment,
    without_gaps,
)
from hf_selfdemo.scoring.refusal.vocabulary import TEXT

_GUESS = re.compile(
    r"^(?:so |but |and |then |however |yet |still |though |although )?(?:"
    r"i(?: would|'d| do|'ll)? (?:think|believe|guess|suspect|reckon|assume|know|recall|say|go with)\b"
    r"|(?:my|the|a)(?: \w+)? (?:guess|answer|bet) (?:is|was|would|must|may|might)"
    r"|(?:it|he|she|they) (?:must|may|might|could|has to|have to)\b|(?:this|that) must be\b|it (?:was|is|seems to"
    r" (?:be|have))\b"
    r"|(?:some|many|most)(?: \w+)? (?:say|believe|think|claim)\b"
    rf"|(?:the )?{TEXT} \d+ (?:says|states|gives|names|tells)"
    r"|the (?:second|third|fourth|fifth|last|other)(?: one| passage| document)? (?:says|states|gives|names|tells|makes)"
    r"|the (?:main|actual|correct|right|accepted|usual|likely) \w+ (?:is|was)\b)"
    r"|\bwould be my (?:answer|guess|bet)\b"
    r"|^(?:but |so )?the \w+ (?:should|must) be\b|\bit follows\b(?! that (?:it|this|the question) cannot)"
    r"|\bcan be (?:inferred|assumed|deduced|concluded) (?:that|to be)\b(?! .*\b(?:not?|n't)\b)"
    r"|\b(?:probably|perhaps|maybe|possibly|presumably|apparently|likely)\b"
    r"|\b(?:is|are|was|were) (?:believed|thought|said|considered|assumed|estimated|generally|commonly|widely|usually)\b"
    rf"|{languages.GUESS}"
)
_ELSEWHERE = re.compile(r"\b(?:would|might|may|could) (?:have|know|tell|help|contain|say|list|hold|mention)\b")
_SOURCE = re.compile(
    r"^(?:but |however |yet )?(?:as far as|as of|if i (?:remember|recall)|to (?:my|the best of my) knowledge"
    rf"|(?:from|based on) (?:my|general|common)\b|(?:according to|in|from) (?:the )?{TEXT} \d)"
)
_LETS_ONE_KNOW = re.compile(
    rf"^(?:but |yet |still |however )?(?:(?:it|they|the {TEXT})(?: \w+ly)? (?:impl(?:y|ies)|suggests?|points? to|hints?"
    r"|indicates?)|i can tell you that (?!i\b))\b"
)
# "The passage does not name it, but describes it", "but it only says", "but rather": still about the passages
_STILL_OF_PASSAGES = re.compile(
    r"^(?:but|however|yet) (?:(?:instead|rather|about|simply|only|also|just|merely|on|is|are|was|were|does|do|did|has"
    r"|have|mentions?|provides?|describes?|discusses|discuss|focus\w*|talks?|gives?|contains?|refers?|says?|states?)\b"
    r"|it's (?:about|only|just|more)|they're"
    r"|(?:it|they) (?!(?:is|was|were|are|must|may|might|could|has to|have to)\b)\w+)"
)
# "The passage does not mention that in Spain, it is legal": the "that" clause goes on after the comma
_COMPLEMENT = re.compile(r"\b(?:mention|say|state|specify|indicate|suggest)s? that\b")
_ANSWER_IS = re.compile(
    r"^(?:but |so |however )?(?:the|my)(?: \w+)? answer (?:is|was|would be|should be)(?: that)?$"
    r"|^(?:(?:the|my|final|best|short) )*(?:answer|guess)$"
)
_CONDITION = re.compile(r"^(?:but|however|yet) (?:if|in|on|for|according|based|as|to|at)\b")
_ONLY_OPENS = re.compile(rf"{_SOURCE.pattern}|{_CONDITION.pattern}")
_GOES_ON = re.compile(r"(?:but|though|although|whose|which|and|i|since|because|as|so|given|if|unless|or|not|who)\b")
_CONCLUDES = re.compile(r"^(?:and )?(?:so|therefore|thus|hence|consequently)\b")
_PRONOUN = re.compile(
    r"^(?:it|he|she|they) (?!(?:seems?|appears?|would|does|do|can|could|depends|looks|sounds|only|also)\b)\w+"
)
_OPENING = re.compile(languages.OPENING)
_ONLY_EXACTLY = re.compile(ONLY_EXACTLY)


def commits(
    clauses: Sequence[Clause], declining: Collection[int], question: str = "", asked: bool = False, weakly: bool = False
) -> bool:
    """True if the reply gives an answer, however hedged.

    Args:
        clauses: the clauses of the reply.
        declining: the indices of the abstaining clauses; at least one.
        question: the question, if known.
        asked: the reply abstains on just what was asked, so the sentences before are about something else.
        weakly: the clauses count as abstaining only if the reply asserts nothing else.
    """
    clauses = without_gaps(clauses)
    if not weakly and are_remarks(clauses, declining):
        return True
    others = [i for i in range(len(clauses)) if i not in declining and not _belongs_to_doubt(clauses, i, declining)]
    weakly = weakly or all(_ONLY_EXACTLY.search(clauses[i].low) for i in declining)
    asserting = (i for i in others if asserts(clauses[i]) and not clauses[i].low.startswith("i "))
    if weakly and not asked and any(may_answer(question, clauses[i].text) for i in asserting):
        return True
    first = min(declining)
    concluded = asked or bool(_CONCLUDES.match(clauses[max(declining)].low))
    before = [] if concluded else [i for i in others if i < first and "?" not in clauses[i].until]
    of_passages = any(PASSAGES.search(clauses[i].low) for i in declining)
    after = [
        i
        for i in others
        if i > first
        and ((not of_passages and _contrasts(clauses, i, declining)) or may_answer(question, clauses[i].text))
    ]
    return (
        _opens_with_answer(clauses, first, concluded, question)
        or any(_GUESS.search(clauses[i].low) and asserts(clauses[i]) for i in before)
        or any(_answers(clauses, i, declining) for i in after)
        or any(
            _SOURCE.match(clauses[i].low) and (i + 1 in others or len(clauses[i].low) > 40) for i in (*before, *after)
        )
        or any(_ANSWER_IS.match(clauses[i].low) and i + 1 in others and asserts(clauses[i + 1]) for i in others)
        or any(is_mere_remark(clauses, i) for i in declining if i and i - 1 not in declining)
    )


def _belongs_to_doubt(clauses: Sequence[Clause], at: int, declining: Collection[int]) -> bool:
    """True if the clause is a citation or only adds to an abstention.

    E.g. "As of today" before "I do not know", "but it describes a river" after "The passage does not name it".
    """
    if is_citation(clauses[at]) or (at + 1 in declining and _ONLY_OPENS.match(clauses[at].low)):
        return True
    if not _STILL_OF_PASSAGES.match(clauses[at].low) or _LETS_ONE_KNOW.match(clauses[at].low):
        return False
    return any(PASSAGES.search(clauses[i].low) for i in declining)


def _opens_with_answer(clauses: Sequence[Clause], first: int, only_bare: bool, question: str) -> bool:
    """True if the reply opens with "yes", "no", a bare name or date, or (unless `only_bare`) a pronoun."""
    at = 1 if clauses[0].until.strip() == ":" and first > 1 else 0
    clause = clauses[at]
    if at >= first or is_citation(clause):
        return False
    if clause.low in ("yes", "no") and at + 1 < first and not OF_PASSAGES.search(said(clauses[at + 1].low)):
        return True
    if any(p.search(clause.low) for p in (NO_ANSWER, OF_PASSAGES, BROKEN_OFF)):
        return False
    if not only_bare and _PRONOUN.match(clause.low):
        return True
    if _OPENING.match(clause.text[:1].lower() + clause.text[1:]):
        return True
    return is_fragment(clause) and _stands_alone(clauses, at) and may_answer(question, clause.text)


def _answers(clauses: Sequence[Clause], at: int, declining: Collection[int]) -> bool:
    """True if a clause after the doubt gives an answer; if it contrasts with the doubt, any assertion is one."""
    clause = clauses[at]
    if EXPLETIVE.match(clause.low) or _ELSEWHERE.search(clause.low):
        return False
    if _LETS_ONE_KNOW.match(clause.low) or (_contrasts(clauses, at, declining) and asserts(clause)):
        return True
    if NO_ANSWER.search(clause.low) or OF_PASSAGES.search(clause.low):
        return False
    if at - 1 in declining and clause.after.startswith(",") and _COMPLEMENT.search(clauses[at - 1].low):
        return False
    apart = SENTENCE_ENDS & set(clause.after) or "-" in clause.after or "?" in clause.until
    if _GUESS.search(clause.low):
        return True
    return bool(apart) and is_fragment(clause) and _stands_alone(clauses, at) and not _is_listed_as_shown(clauses, at)


def _is_listed_as_shown(clauses: Sequence[Clause], at: int) -> bool:
    """True if the clause is an item of a list under a heading such as "The passages discuss:"."""
    heads = [clause for clause in clauses[:at] if clause.until[:1] == ":"]
    return bool(heads) and bool(OF_PASSAGES.search(heads[-1].low))


def _stands_alone(clauses: Sequence[Clause], at: int) -> bool:
    """True unless the clause is a heading before a colon, or the subject or opening of a sentence before a comma."""
    clause = clauses[at]
    if clause.until[:1] == ":" or at + 1 == len(clauses):
        return clause.until[:1] != ":"
    if clause.until[:1] != ",":
        return True
    following = clauses[at + 1]
    return bool(_GOES_ON.match(following.low)) or (is_fragment(following) and _stands_alone(clauses, at + 1))


def _contrasts(clauses: Sequence[Clause], at: int, declining: Collection[int]) -> bool:
    """True if the clause contrasts with the doubt: X in "..., but X", "Although ..., X" or "However, in ..., X"."""
    if CONTRAST.match(clauses[at].low):
        return True
    before = clauses[at - 1].low
    if not CONTRAST.sub("", before):
        return True
    opening = SUBORDINATE.match(before) if at - 1 in declining else _CONDITION.match(before)
    return bool(opening) and clauses[at].after.startswith(",")
