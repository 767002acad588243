"""Does a reply, some clauses of which decline, put an answer forward all the same?

The answer may open the reply ("In 1912, though the passage does not say by whom"), follow the words of doubt ("I am not
sure, but it was 1912"), or come in a sentence of its own ("I don't know for certain. It seems to have been Hooke.").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from hf_selfdemo.scoring.refusal import languages
from hf_selfdemo.scoring.refusal.clauses import SENTENCE_ENDS, Clause
from hf_selfdemo.scoring.refusal.english import ONLY_EXACTLY
from hf_selfdemo.scoring.refusal.vocabulary import TEXT

_GUESS = re.compile(
    r"^(?:so |but |and |then |however |yet |still |though |although )?(?:"
    r"i(?: would|'d| do|'ll)? (?:think|believe|guess|suspect|reckon|assume|know|recall|say|go with)\b"
    r"|(?:my|the|a)(?: \w+)? (?:guess|answer|bet) (?:is|was|would|must|may|might)"
    r"|(?:it|this|that|he|she|they) (?:must|may|might|could|has to|have to)\b|it (?:was|is|seems to (?:be|have))\b"
    r"|(?:some|many|most)(?: \w+)? (?:say|believe|think|claim)\b"
    rf"|(?:the )?{TEXT} \d+ (?:says|states|gives|names|tells)"
    r"|the (?:second|third|fourth|fifth|last|other)(?: one| passage| document)? (?:says|states|gives|names|tells|makes)"
    r"|the (?:main|actual|correct|right|accepted|usual|likely) \w+ (?:is|was)\b)"
    r"|\bwould be my (?:answer|guess|bet)\b"
    r"|\b(?:probably|perhaps|maybe|possibly|presumably|apparently|likely)\b"
    r"|\b(?:is|are|was|were) (?:believed|thought|said|considered|assumed|estimated|generally|commonly|widely|usually)\b"
    rf"|{languages.GUESS}"
)
# "It is important to check", "It is possible that", "It may help to": nothing is said of what was asked
_EXPLETIVE = re.compile(
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
    r"|sources?|references?|rationale|justification|details?|background|clarification|disclaimer|recommendations?|observations?"
    r"|information|caveats?|limitations?|suggestions?|points?|steps?(?: \d+)?|question|confidence|assessment|findings?"
    r"|follow-?up|thoughts?|comments?|remarks?|citations?|quotes?|relevance|review|overview|response|answer|p\.? ?s|nb"
    r"|fyi|tl|dr|process)$"
)
_SOURCE = re.compile(
    r"^(?:but |however |yet )?(?:as far as|as of|if i (?:remember|recall)|to (?:my|the best of my) knowledge"
    rf"|(?:from|based on) (?:my|general|common)\b|(?:according to|in|from) (?:the )?{TEXT} \d)"
)
_LETS_ONE_KNOW = re.compile(
    rf"^(?:but |yet |still |however )?(?:(?:it|they|the {TEXT})(?: \w+ly)? (?:impl(?:y|ies)|suggests?|points? to|hints?"
    r"|indicates?)|i can tell you that (?!i\b))\b"
)
_NO_ANSWER = re.compile(
    r"\b(?:not|no|never|none|nothing|neither|nor|cannot|unable|un(?:known|clear|certain|sure)|impossible|difficult|hard"
    r"|question|your|please|let me|help|happy|glad|gladly|feel free|rather|recommended|best to|advis\w+)\b|n't\b"
    r"|\byou\b(?! that)"
    rf"|{languages.NEGATIVE}"
)
_BROKEN_OFF = re.compile(r"\b(?:by|was|is|in|at|the|on|of|were|are|to|called|named)$")
_MODAL = re.compile(r"\b(?:would|could|may want|might|should|will|can)\b")
_SUBORDINATE = re.compile(rf"^(?:although|though|even though|while)\b|{languages.SUBORDINATE}")
_CONTRAST = re.compile(rf"^(?:(?:but|however|yet|still|nevertheless|nonetheless|so)\b ?|{languages.CONTRAST})")
# "The passage does not name it, but describes it", "but it only says", "but rather": still about the passages
_STILL_OF_PASSAGES = re.compile(
    r"^(?:but|however|yet) (?:(?:instead|rather|about|simply|only|also|just|merely|on|is|are|was|were|does|do|did|has"
    r"|have|mentions?|provides?|describes?|discusses|discuss|focus\w*|talks?|gives?|contains?|refers?|says?|states?)\b"
    r"|it's (?:about|only|just|more)|they're"
    r"|(?:it|they) (?!(?:is|was|were|are|must|may|might|could|has to|have to)\b)\w+)"
)
# "The passage does not mention that in Spain, it is legal": what is not mentioned goes on behind the comma
_COMPLEMENT = re.compile(r"\b(?:mention|say|state|specify|indicate|suggest)s? that\b")
_PASSAGES = re.compile(TEXT)
_ANSWER_IS = re.compile(
    r"^(?:but |so |however )?(?:the|my)(?: \w+)? answer (?:is|was|would be|should be)(?: that)?$"
    r"|^(?:(?:the|my|final|best|short) )*(?:answer|guess)$"
)
_CONDITION = re.compile(r"^(?:but|however|yet) (?:if|in|on|for|according|based|as|to|at)\b")
_ONLY_OPENS = re.compile(rf"{_SOURCE.pattern}|{_CONDITION.pattern}")
_GOES_ON = re.compile(r"(?:but|though|although|whose|which|and|i|since|because|as|so|given|if|unless|or)\b")
_OF_PASSAGES = re.compile(
    r"^(?:(?:although|while|though|even though|since|as|because) )?"
    r"(?:(?:in|according to|based on|from|of|looking at) )?"
    rf"(?:(?:the|these|those|this|that|all|both|your|my|most|some|each)\b(?: [\w']+){{0,3}}? ?|)\b{TEXT}\b(?! \d)"
    r"|^(?:it|they|there|this|these|those|that|which|who)\b(?: \w+ly| do| does| only| also)*"
    r" (?:(?:is|are|was|were) (?:a|an|only|also|about|just|nothing|several|many|some)\b"
    r"|mention|discuss|describe|say|state|talk|cover|speak|refer|deal|focus|provide|contain|list|tell|concern)"
    # of a numbered one, what it is about; what it says is an answer
    rf"|^(?:(?:only|also|but|in) )?{TEXT} \d+(?: and \d+)?(?: is| are| also| only| just)*"
    r" (?:mention|discuss|describe|talk|cover|speak|refer|deal|focus|provide|contain|list|concern|about|introduce"
    r"|explain|compare|explore|(?:give|tell)s? (?:us )?(?:about|of|(?:\w+ )?(?:information|details?|account|overview)))"
)
_PREAMBLE = re.compile(
    r"^(?:sorry|as an? .*\b(?:ai|model|assistant|chatbot)\b.*|(?:\w+ )?apolog\w+|(?:i'm|i am) (?:\w+ )?sorry"
    r"(?: for .*)?|unfortunately|regrettably|sadly|h+m+|well|oh|oh dear|okay?|(?:\w+ )?question|answer|conclusion|note"
    r"|hello|hi(?: there)?|hey|thanks?|thank you.*|sure(?: thing)?|of course|certainly|absolutely|(?:all ?)?right"
    r"|great|good"
    rf"|interesting|understood|got it|i see|let's see|let me .*|yes|no|nope|honestly|frankly|{languages.REGRET})$"
)
_FRAGMENT = re.compile(r"^(?:(?:[Ii]n|[Oo]n|[Aa]t|[Aa]bout|[Aa]round|[Bb]y|[Cc]irca) )?[A-Z0-9]")
_NO_FRAGMENT = re.compile(
    r"^(?:to|based|according|looking|from|as|not|none|nothing|actually|for|without|since|i|i'm|we|you|he|she|they|the|an?"
    r"|however|nevertheless|nonetheless|still|yet|thus|hence|therefore|instead|so|then"
    r"|his|her|its|their|if|when|while|although|though|even|after|before|that|this|these|those|it|there|what|which|who"
    r"|how|why|where|and|but|or|only|please|try|ask|see|check|consult|let|could|can|would|is|are|was|were|do|does|did"
    rf"|also|unable|unknown|{TEXT})\b"
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|do|does|will|would|can|could|may|might|must|\w{3,}ed|mentions?|says?|talks?"
    r"|discuss(?:es)?|describes?|covers?|focus\w*|contains?|provides?|lists?|refers?"
    r"|gives?|tells?|took|stood|lay|lies|made|wrote|went|came)\b"
)
_PRONOUN = re.compile(
    r"^(?:it|he|she|they) (?!(?:seems?|appears?|would|does|do|can|could|depends|looks|sounds|only|also)\b)\w+"
)
_OPENING = re.compile(languages.OPENING)
_ONLY_EXACTLY = re.compile(ONLY_EXACTLY)


def commits(clauses: Sequence[Clause], declining: Collection[int], weakly: bool = False) -> bool:
    """True if the reply answers, however hedged.

    Args:
        clauses: those of the reply.
        declining: the places of those that decline; at least one.
        weakly: they decline only if nothing else is asserted.
    """
    clauses = [clause._replace(low=" ".join(clause.low.split())) for clause in clauses]  # blotting leaves gaps
    others = [i for i in range(len(clauses)) if i not in declining and not _belongs_to_doubt(clauses, i, declining)]
    weakly = weakly or all(_ONLY_EXACTLY.search(clauses[i].low) for i in declining)
    if weakly and any(_asserts(clauses[i]) and not clauses[i].low.startswith("i ") for i in others):
        return True
    first = min(declining)
    return (
        _opens_with_answer(clauses, first)
        or any(_GUESS.search(clauses[i].low) and _asserts(clauses[i]) for i in others if i < first)
        or any(_answers(clauses, i, declining) for i in others if i > first)
        or any(_SOURCE.match(clauses[i].low) and (i + 1 in others or len(clauses[i].low) > 40) for i in others)
        or any(_ANSWER_IS.match(clauses[i].low) and i + 1 in others and _asserts(clauses[i + 1]) for i in others)
        or any(_is_mere_remark(clauses, i) for i in declining if i and i - 1 not in declining)
    )


def _belongs_to_doubt(clauses: Sequence[Clause], at: int, declining: Collection[int]) -> bool:
    """ "As of today" before "I do not know"; "but it describes a river" after "The passage does not name it"."""
    if _is_citation(clauses[at]) or (at + 1 in declining and _ONLY_OPENS.match(clauses[at].low)):
        return True
    if not _STILL_OF_PASSAGES.match(clauses[at].low) or _LETS_ONE_KNOW.match(clauses[at].low):
        return False
    return any(_PASSAGES.search(clauses[i].low) for i in declining)


def _opens_with_answer(clauses: Sequence[Clause], first: int) -> bool:
    """The reply begins with a bare name or date, or a pronoun for what was asked about."""
    at = 1 if clauses[0].until.strip() == ":" and first > 1 else 0
    clause = clauses[at]
    if at >= first or _is_citation(clause):
        return False
    if any(p.search(clause.low) for p in (_NO_ANSWER, _OF_PASSAGES, _BROKEN_OFF)):
        return False
    if _PRONOUN.match(clause.low) or _OPENING.match(clause.text[:1].lower() + clause.text[1:]):
        return True
    return _is_fragment(clause) and _stands_alone(clauses, at)


def _answers(clauses: Sequence[Clause], at: int, declining: Collection[int]) -> bool:
    """A clause after the words of doubt commits itself; in contrast to them, any assertion does."""
    clause = clauses[at]
    if _EXPLETIVE.match(clause.low):
        return False
    if _LETS_ONE_KNOW.match(clause.low) or (_contrasts(clauses, at, declining) and _asserts(clause)):
        return True
    if _NO_ANSWER.search(clause.low) or _OF_PASSAGES.search(clause.low):
        return False
    if at - 1 in declining and clause.after.startswith(",") and _COMPLEMENT.search(clauses[at - 1].low):
        return False
    if _is_listed_as_shown(clauses, at):
        return False
    apart = SENTENCE_ENDS & set(clause.after) or "-" in clause.after or "?" in clause.until
    return bool(_GUESS.search(clause.low) or (apart and _is_fragment(clause) and _stands_alone(clauses, at)))


def _is_listed_as_shown(clauses: Sequence[Clause], at: int) -> bool:
    """An item below "The passages discuss:"."""
    heads = [clause for clause in clauses[:at] if clause.until[:1] == ":"]
    return bool(heads) and bool(_OF_PASSAGES.search(heads[-1].low))


def _stands_alone(clauses: Sequence[Clause], at: int) -> bool:
    """Not so: the subject before a comma, a word that opens a sentence, the heading before a colon."""
    clause = clauses[at]
    if clause.until[:1] == ":" or at + 1 == len(clauses):
        return clause.until[:1] != ":"
    if clause.until[:1] != ",":
        return True
    following = clauses[at + 1]
    return bool(_GOES_ON.match(following.low)) or (_is_fragment(following) and _stands_alone(clauses, at + 1))


def _contrasts(clauses: Sequence[Clause], at: int, declining: Collection[int]) -> bool:
    """ "..., but X", or the main clause X of "Although ..., X" and "However, in ..., X"."""
    if _CONTRAST.match(clauses[at].low):
        return True
    before = clauses[at - 1].low
    if not _CONTRAST.sub("", before):
        return True
    opening = _SUBORDINATE.match(before) if at - 1 in declining else _CONDITION.match(before)
    return bool(opening) and clauses[at].after.startswith(",")


def _is_mere_remark(clauses: Sequence[Clause], at: int) -> bool:
    """A declining clause is subordinate to an answer: "X, although the passages do not say Y"."""
    main = clauses[at - 1]
    if not _SUBORDINATE.match(clauses[at].low) or SENTENCE_ENDS & set(clauses[at].after):
        return False
    return not _OF_PASSAGES.search(main.low) and (main.low == "yes" or not _PREAMBLE.match(main.low))


def _asserts(clause: Clause) -> bool:
    """The clause says something that is no negation and neither about the passages nor mere politeness."""
    low = _CONTRAST.sub("", clause.low)
    return bool(low) and not any(
        p.search(low) for p in (_NO_ANSWER, _OF_PASSAGES, _PREAMBLE, _MODAL, _BROKEN_OFF, _EXPLETIVE)
    )


def _is_citation(clause: Clause) -> bool:
    """ "[2]", "(3)", or the "1." of a list."""
    return clause.low.isdecimal() and (clause.after.endswith(("[", "(")) or len(clause.low) == 1)


def _is_fragment(clause: Clause) -> bool:
    """A bare name, number or place."""
    if len(clause.text.split()) > 7 or not _FRAGMENT.match(clause.text):
        return False
    return not any(p.search(clause.low) for p in (_NO_FRAGMENT, _PREAMBLE, _HEADING, _VERB))
