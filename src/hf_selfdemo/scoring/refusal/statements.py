"""Classifies the clauses of a reply: assertions, bare names, statements about the passages, polite phrases."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from hf_selfdemo.scoring.refusal import languages
from hf_selfdemo.scoring.refusal.asked import said
from hf_selfdemo.scoring.refusal.clauses import Clause
from hf_selfdemo.scoring.refusal.vocabulary import TEXT

# "It is important to check", "It is possible that", "It may help to": none says anything about what was asked
EXPLETIVE = re.compile(
    r"^(?:so |but |and |then |however |therefore |thus |hence |still )?(?:it|this|that)(?: \w+ly| also)*"
    r"(?:(?: is|'s| was| would be| may be| might be| could be| can be| will be| must be)(?: \w+ly| also| very| always"
    r"| quite| more| most| therefore| thus| a)?"
    r" (?:important|possible|plausible|conceivable|advisable|best|better|wise|safe|necessary|essential|crucial|vital"
    r"|worth|helpful|useful|good|great|common|natural|interesting|critical|imperative|recommended|suggested|advised"
    r"|assumed|required|needed|preferable|due|because|why|where|based|outside|beyond|shame|pity)\b"
    r"(?: idea| practice)?(?! (?:in|at) \d)"
    r"| (?:may|might|could|would|can|should) (?:also )?(?:help|refer|depend|vary|require|need|take|not|be (?:that"
    r"|found|available|known|listed|mentioned|in (?:an?other|different|some)))\b"
    r"| (?:seems|appears)(?: to me)? (?:that|like|as if|as though)\b)"
)
_HEADING = re.compile(
    r"^(?:#+ |\d+ )?(?:[\w']+ )?(?:reason(?:ing)?|explanation|notes?|analysis|summary|conclusion|context|evidence"
    r"|sources?|references?|rationale|justification|details?|background|clarification|disclaimer|recommendations?"
    r"|observations?"
    r"|information|caveats?|limitations?|suggestions?|points?|steps?(?: \d+)?|question|confidence|assessment|findings?"
    r"|follow-?up|thoughts?|comments?|remarks?|citations?|quotes?|relevance|review|overview|response|answer|p\.? ?s|nb"
    r"|fyi|tl|dr|process)$"
)
NO_ANSWER = re.compile(
    r"\b(?:not|no|never|none|nothing|neither|nor|cannot|unable|un(?:known|clear|certain|sure)|impossible|difficult|hard"
    r"|question|your|please|let me|help|happy|glad|gladly|feel free|rather|recommended|best to|advis\w+)\b|n't\b"
    r"|\byou\b(?! that)"
    rf"|{languages.NEGATIVE}"
)
BROKEN_OFF = re.compile(r"\b(?:by|was|is|in|at|the|on|of|were|are|to|called|named)$")
_MODAL = re.compile(r"\b(?:would|could|may want|might|should|will|can)\b")
CONTRAST = re.compile(rf"^(?:(?:but|however|yet|still|nevertheless|nonetheless|so)\b ?|{languages.CONTRAST})")
PASSAGES = re.compile(TEXT)
_IN_PASSAGE = re.compile(rf"^(?:according to|in|from|based on) (?:the )?{TEXT}(?: \d+)?$")
OF_PASSAGES = re.compile(
    r"^(?:(?:although|while|though|even though|since|as|because) )?"
    r"(?:(?:in|according to|based on|from|of|looking at) )?"
    rf"(?:(?:the|these|those|this|that|all|both|your|my|most|some|each)\b(?: [\w']+){{0,3}}? ?|)\b{TEXT}\b(?! \d)"
    r"|^(?:it|they|there|this|these|those|that|which|who)\b(?: \w+ly| do| does| only| also)*"
    r" (?:(?:is|are|was|were) (?:a|an|only|also|about|just|nothing|several|many|some)\b"
    r"|mention|discuss|describe|say|state|talk|cover|speak|refer|deal|focus|provide|contain|list|tell|concern)"
    # "Passage 2 discusses ..." is about the passage; what "Passage 2 says" is an answer
    rf"|^(?:(?:only|also|but|in) )?{TEXT} \d+(?: and \d+)?(?: is| are| also| only| just)*"
    r" (?:mention|discuss|describe|talk|cover|speak|refer|deal|focus|provide|contain|list|concern|about|introduce"
    r"|explain|compare|explore|(?:give|tell)s? (?:us )?(?:about|of|(?:\w+ )?(?:information|details?|account|overview)))"
)
PREAMBLE = re.compile(
    r"^(?:sorry|as an? .*\b(?:ai|model|assistant|chatbot)\b.*|(?:\w+ )?apolog\w+|(?:i'm|i am) (?:\w+ )?sorry"
    r"(?: for .*)?|unfortunately|regrettably|sadly|h+m+|well|oh|oh dear|okay?|(?:\w+ )?question|answer|conclusion|note"
    r"|hello|hi(?: there)?|hey|thanks?|thank you.*|sure(?: thing)?|of course|certainly|absolutely|(?:all ?)?right"
    r"|great|good"
    rf"|interesting|understood|got it|i see|let's see|let me .*|yes|no|nope|honestly|frankly|to be (?:honest|fair"
    rf"|frank|clear)|{languages.REGRET})$"
)
_FRAGMENT = re.compile(r"^(?:(?:[Ii]n|[Oo]n|[Aa]t|[Aa]bout|[Aa]round|[Bb]y|[Cc]irca) )?[$£€]?[A-Z0-9\N{FULL BLOCK}]")
_NO_FRAGMENT = re.compile(
    r"^(?:to|based|according|looking|from|as|not|none|nothing|actually|for|without|since|i|i'm|we|you|he|she|they"
    r"|the|an?"
    r"|however|nevertheless|nonetheless|still|yet|thus|hence|therefore|instead|so|then"
    r"|his|her|its|their|if|when|while|although|though|even|after|before|that|this|these|those|it|there|what|which|who"
    r"|how|why|where|and|but|or|only|please|try|ask|see|check|consult|let|could|can|would|is|are|was|were|do|does|did"
    rf"|also|unable|unknown|{TEXT}|{languages.CONNECTIVES})\b"
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|do|does|will|would|can|could|may|might|must|\w{3,}ed|mentions?|says?|talks?"
    r"|discuss(?:es)?|describes?|covers?|focus\w*|contains?|provides?|lists?|refers?"
    r"|gives?|tells?|took|stood|lay|lies|made|wrote|went|came)\b"
)


def stated(clauses: Sequence[Clause], declining: Collection[int]) -> list[str]:
    """What the clauses not in `declining` state, as written; from "Passage 2 says that she sang", only "she sang".

    Args:
        clauses: the clauses of the reply.
        declining: the indices of the abstaining clauses.
    """
    found = []
    for i, clause in enumerate(without_gaps(clauses)):
        low = said(clause.low)
        if i in declining or (low == clause.low and OF_PASSAGES.search(low)):
            continue
        if not any(p.search(CONTRAST.sub("", low)) for p in (PREAMBLE, _HEADING, EXPLETIVE, _IN_PASSAGE)):
            found.append(" ".join(clause.text.split())[-len(low) :])
    return found


def without_gaps(clauses: Sequence[Clause]) -> list[Clause]:
    """The clauses with single spaces in `low`, where masking leaves longer gaps."""
    lows = [" ".join(clause.low.split()) for clause in clauses]
    return [c if c.low == low else c._replace(low=low) for c, low in zip(clauses, lows, strict=True)]


def asserts(clause: Clause) -> bool:
    """True if the clause asserts something: no negation, possibility, polite phrase or statement about the passages."""
    low = CONTRAST.sub("", clause.low)
    return bool(low) and not any(
        p.search(low) for p in (NO_ANSWER, OF_PASSAGES, PREAMBLE, _MODAL, BROKEN_OFF, EXPLETIVE)
    )


def is_citation(clause: Clause) -> bool:
    """True for the number of a citation or list item: "[2]", "(3)" or "1."."""
    return clause.low.isdecimal() and (clause.after.endswith(("[", "(")) or len(clause.low) == 1)


def is_fragment(clause: Clause) -> bool:
    """True if the clause is a bare name, number or place."""
    if len(clause.text.split()) > 7 or not _FRAGMENT.match(clause.text):
        return False
    return not any(p.search(clause.low) for p in (_NO_FRAGMENT, PREAMBLE, _HEADING, _VERB))
