"""Rules for clauses that abstain only if nothing else in the reply is an answer."""

from __future__ import annotations

from hf_selfdemo.scoring.refusal.rules import rule
from hf_selfdemo.scoring.refusal.vocabulary import (
    IN_SHOWN,
    KIND,
    SHOWN,
    TEXT,
    TEXT_SHOWN,
    TEXT_WORDS,
    TOLD,
    UNTOLD_WORDS,
)

OFF_TOPIC = (
    rule(
        f"{TEXT_WORDS} & about only merely just",
        rf"({SHOWN} (?:(?:only|merely|just) \w+|(?:give|mention|name|list|state)s? only"
        r"|(?:is|are|seems? to be|appears? to be)(?: all| only)? about"
        r"))\b",
        rf"({SHOWN} .*\bonly)$",
        r"(\bonly have (?:\w+ )?(?:passages|texts|documents|information|sources|details))\b",
    ),
    rule(
        "passage passages text texts context document documents & only other another different else",
        rf"({SHOWN} (?:concern|cover|discuss|describe|address|deal with|mention|talk about|speak of)(?:s|es)?\b.*"
        r"\b(?:only|other|another|different|something else))\b",
    ),
    rule(f"none & {TEXT_WORDS}", rf"^(none of (?:the|these)(?: {KIND})? {TEXT_SHOWN})$"),
    rule(
        "irrelevant unrelated wrong & passages passage context text texts documents",
        r"^((?:irrelevant|unrelated|wrong) \w+)$",
    ),
    rule("elsewhere", r"(\b(?:look|search|ask) elsewhere)\b"),
    rule("only", rf"^(only .* (?:is|are|was|were) (?:{TOLD}|given|named))(?:$| {IN_SHOWN})"),
)
"""What the passages contain instead: an abstention if the reply says nothing else."""

_NEGATION = (
    r"(?:\bnot?\b|n't\b|\bnever\b|\bnothing\b|\bnone\b|\bnobody\b|\bnowhere\b|\bneither\b|\bwithout\b|\bzero\b"
    r"|\bcannot\b)"
)
_TELLING = (
    rf"\b(?:{TEXT}|says?|said|tell(?:s|ing)?|told|mention\w*|(?<!\bno\s)nam(?:es?|ing)|(?:is|are|isn't|not|never)"
    rf" named|identif\w+|stat(?:es?|ed|ing)"
    r"|giv(?:es?|en|ing)|list(?:s|ed|ing)?|recorded|expla\w+|describ\w+|appears?|found|finds?|includ\w+"
    r"|contain\w*|provid\w+|note[sd]?|specif\w+|come across|spot|reveal\w*|disclos\w+|cover(?:s|ed)?|shown"
    r"|come up|comes up|crops? up|spelled out|elaborated?|among|dated|credit(?:s|ed)?|quoted?|transcribed|documented"
    r"|get into|go into|goes into|offer(?:s|ed)?|attached|cast|count"
    r"|work (?:\w+ )?out|determin\w+|deduc\w+|infer\w*|answer\w*|questions?|information|details?|figures?"
    r"|referenc\w+|clues?|indicat\w+|discuss\w*|address\w*|available|clear|certain|definite|in here|in there|here)\b"
)
# not in the past tense: "The author was never identified" is about the world, not the passages
_PRESENT = (
    r"^(?!.*(?:(?<!\bi\s)(?<!\bwe\s)\b(?:was|were)\b|(?<!\bi\s)\bdid\b|\b(?:had|could|would|until|before|after"
    r"|since)\b|\b(?:was|were|did)n't))"
)
_WORDS_OF_LACK = (
    "sorry unfortunately alas afraid wish mum mystery silent skip skips missing omit omits omitted elsewhere luck"
    " stumped loss"
    " guess guessing guesswork blank clueless clue beyond unanswered unhelpful useless empty no not t never"
    " nothing none"
    " unclear nowhere neither without zero hardly barely little imagination instead secret undisclosed vague dark"
    " speculate"
)
_LACK = rf"(?:\b(?:{'|'.join(word for word in _WORDS_OF_LACK.split() if len(word) > 1)})\b|n't\b)"
_BASIS = rf"\b(?:i|me|my|we|us|i'm|i'd|i've|{TEXT}|here|answers?|questions?|information|details?)\b"
_RECORD = (
    rf"(?:the|my|this|that|your|these|its|his|her) (?:[\w'-]+ ){{0,3}}?(?:{TEXT}|lists?|tables?|logs?|records?"
    r"|registers?|chronicles?|biograph(?:y|ies)|sections?|notes|entries|account|histor(?:y|ies)|coverage|report|reports|archive)"
)
HOLDS_INSTEAD = (
    rule(
        "picks pick starts begins stops ends reaches goes cover covers start begin stop end go reach is",
        rf"^(?:(?:but|and|as|since|sorry) )?({_RECORD}(?: (?:of|for|in|on|to) [\w' ]{{1,30}}?)?"
        r"(?: (?:only|just|already))?"
        r" (?:starts?|begins?|stops?|ends?|(?:reach|go)(?:es)? back|picks? up|covers?))\b",
        r"^(the (?:earliest|latest|first|last) (?:entry|record|mention)\b)",
    ),
    rule(
        "none nothing zip zilch",
        r"((?:\b(?:but|and|is|are|says?|there's) |^)(?:none|nothing|zip|zilch) (?:for|on|about))\b",
    ),
    rule("only", rf"(\bthe only \w+ (?!who\b).*(?:the {TEXT}|they|it) {_TELLING[2:]})$"),
)
"""What a record covers instead; it may contain names and dates, e.g. "The list of winners stops at 2007"."""

LACKS = (
    rule(
        "no not t never nothing none nobody nowhere neither without zero cannot",
        rf"{_PRESENT}.*?({_NEGATION}(?: (?!record\b)[\w'-]+){{0,4}}? {_TELLING})",
        r"^(nothing (?:about|on|for|regarding|concerning|found))\b",
        r"^(nothing (?:more|else|further))$",
    ),
    rule(
        f"{UNTOLD_WORDS} unidentified unresolved mystery itself open",
        r"((?:leaves?|left|leaving|remains?|goes|going|stays?|keeps?)\b(?: [\w']+){0,3}? (?:unanswered|open"
        r"|unsaid|unnamed"
        r"|unidentified|unmentioned|unstated|unresolved|unexplained|unspecified|a mystery|to itself))\b",
    ),
    rule(
        "skip skips useless unhelpful contradict contradicts speculation guesswork missing lacking absent lack lacks",
        r"(\b(?:skips?|useless|unhelpful|contradicts?|speculation|guesswork))\b",
        rf"{_PRESENT}(?=.*{_TELLING}).*?(\b(?:missing|lacking|absent|lacks?))\b",
    ),
    rule(
        "only & say says tell tells learn know mention mentions get listed given named",
        rf"^((?:the )?only (?:\w+ )?(?:that )?(?:the {TEXT}|we|they|it|i) (?:\w+ )?(?:say|tell|learn|know|mention"
        rf"|get)\w*)",
        r"(\b(?:listed|given|named) (?:only )?for (?:an)?other \w+ only)\b",
    ),
    rule(
        "all only merely just",
        rf"^(all (?:(?:that )?(?:the {TEXT}|it|they|we|i)|that)\b)(?=.*{_TELLING})",
        r"(\b(?:is|are) all (?:that )?(?:the|this|these|we|i|it|they|there)\b)",
        rf"(?=.*{_TELLING}).*(\bonly)$",
        rf"^(?:but )?(?:the|these|my|your) (?:\w+ )?(?:{TEXT}|docs?|catalogue|notes?|reports?|guide\w*|review|they|it)"
        r" ((?:only|merely|just) \w+)",
    ),
    rule("far", r"(\b(?:is|'s) as far as (?:the|they|it|these|my)\b)"),
    rule(
        "check look consult ask & you",
        r"(\byou(?:'d| would|'ll| will)?(?: probably)? (?:have|need|want) to (?:check|look|consult|ask))\b",
    ),
    rule(
        "nameless undated anonymous blank",
        r"((?:remains?|stays?|goes|left|is|are) (?:nameless|undated|anonymous|blank))\b",
    ),
    rule("only not just", r"^(?:but |and |just )*(not)\b", rf"^(only)\b.*(?:{_BASIS}|{_TELLING})"),
    rule(
        f"{_WORDS_OF_LACK}",
        rf"{_PRESENT}(?=.*(?:{_BASIS})).*?({_LACK})",
    ),
    rule("n unknown unspecified", r"^(n ?/ ?a|unknown|unspecified)$"),
    rule("meant", r"^(which (?:one|of)\b.*\bmeant)$"),
)
"""Signs that the answer is missing, for replies of which no part answers the question."""

OF_TELLER = rf"\b(?:{TEXT}|in here|we)\b|(?:^|\b(?:but|and|so|as|that|sorry) )i\b"
CLEARLY_LACKS = (
    rf"{OF_TELLER}|^all that\b|^(?:(?:but|and|so|sadly|sorry|as|unfortunately) )*(?:a definite|no|nothing"
    rf"|none|neither"
    r"|nobody|zero|not|never|only|this|that|it|the (?:\w+ )?(?:reason|cause|answer|question|explanation))\b"
)
"""Required if the answer needs no name or number; excludes "A state in which one cannot recall information"."""
