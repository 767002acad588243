"""Rules for English: the speaker does not know, will not say, or asks back."""

from __future__ import annotations

from hf_selfdemo.scoring.refusal.rules import rule
from hf_selfdemo.scoring.refusal.vocabulary import (
    ASK,
    BEFORE_I,
    GIVEN,
    I_AM,
    KNOW,
    LEARN,
    LEARNT,
    MANKIND,
    NEGATIVE_WORDS,
    NEWS,
    NOT,
    PROVIDE,
    SOON,
    SPEAKER_WORDS,
    TEXT_SHOWN,
    WH,
)

_SPEAKER = (
    rule(
        f"{NEGATIVE_WORDS} & {SPEAKER_WORDS}",
        rf"{BEFORE_I}(?!{MANKIND})({I_AM}(?: (?!said\b)[\w']+){{0,2}}? ?{NOT}(?! (?:think|believe)\b(?! i\b))"
        rf"{SOON} {KNOW})\b",
        # any other "I do not ..." or "I am not ...": hardly ever an answer
        r"(?:^|\b(?:but|and|so|as|that|because|sorry|afraid|unfortunately) )(i(?: \w+)? ?(?:(?:do|am|have|could|was"
        r") ?(?:not|n't)|can(?:not|'t| not)|'m not|'ve not) (?!(?:stop|think|believe)\b)[\w']+)",
        r"(^(?:i|we) (?:looked|searched|read|checked)\b.* (?:could|did) ?(?:not|n't) (?:find|see))\b",
        r"^((?:we|the reader)(?: are|'re| is)(?:n't| not) (?:told|given|informed))\b",
    ),
    rule(
        "unsure uncertain unable unaware unfamiliar not t dont know lack need require trouble difficulty failed nothing"
        f" never guess rather prefer decline pass stumped wish guessing blank & {SPEAKER_WORDS}",
        rf"{BEFORE_I}({I_AM} (?:unsure|uncertain|unable|unaware|unfamiliar|not (?:sure|able|certain|aware|familiar)"
        r"|know nothing|lack|(?:need|require)(?: \w+)? (?:more|further|additional|see|have|know)"
        r""
        r"|(?:need|require) (?:(?:[\w']+ ){1,6}to (?:answer|say|tell)"
        r"|to (?:see|know|read)|the (?:full|whole|rest|original|complete|entire))"
        r"|having (?:trouble|difficulty)|failed to|(?:got |found |see )?nothing|never (?:heard|read)"
        r"|(?:rather|prefer) not|decline|(?:going to )?(?:have to )?pass|stumped|wish i knew"
        r"|(?:only )?be guessing|(?:have|need) to guess$|drawing a blank))\b",
        rf"{BEFORE_I}(i (?:don't|do not|dont) (?:think|believe) (?:that )?"
        r"(?:(?:it|this|that)(?: is|'s) (?:in|mentioned|given|stated|covered)"
        rf"|(?:any|either|the|this|these|those|your)(?: \w+)* {TEXT_SHOWN}))\b",
    ),
    rule(
        f"no insufficient little enough nothing & {SPEAKER_WORDS}",
        rf"{BEFORE_I}({I_AM}(?: (?:see|find|found|got|saw|possess))? (?:no|insufficient|too little|not enough|nothing)"
        rf"(?: [\w'-]+){{0,2}}? (?:idea|clue|way|means|notion|access|on|about|passages?|documents?|{NEWS}))\b",
    ),
    rule(
        "no & i see find have found saw got",
        rf"{BEFORE_I}(i(?: do|'ve| can)? (?:see|find|found|saw|have|got) no (?:[\w'-]+ ){{0,2}}[\w'-]+)"
        r"(?: (?:for|of|on) (?:that|this|it)| here| there| anywhere)?$",
    ),
    rule(
        f"{NEGATIVE_WORDS} unable impossible",  # no subject: "Don't know"
        r"^(?:(?:sorry|but|and|so|hm+) )?((?:do not|don'?t|can ?not|can'?t|could not|couldn't|haven't|didn't|did not"
        rf"|not|unable|impossible|not possible)(?: able)?(?: to)?(?: \w+)? (?:be )?(?:{KNOW}|{LEARNT}))\b",
    ),
    rule(
        "clue idea",
        r"^(?:(?:sorry|but|and|i have|i've got|i|honestly) )?"
        r"((?:no|not an?|haven't(?: got)? an?|haven't the|without an?)(?: \w+est)? (?:clue|idea))\b",
    ),
    rule(
        "guess guessing beats search knows got dunno idk luck dice empty word hint peep trace pass enough better",
        r"(\byour guess is as good as|\banyone's guess|^(?:it )?beats me$|^search me$|^who knows$|\bgot me there"
        r"|^(?:but )?no (?:luck|dice)$|^(?:came|coming) up empty"
        r"|^(?:and |but )?not an? (?:single )?(?:word|hint|peep|trace)$|^pass$|^not enough to (?:go|work) on"
        r"|\bleaves? (?:us|me|one|you|the reader) guessing|\b(?:had|'d) better not (?:answer|say|guess)"
        r"|^i dunno|^dunno|^idk(?! (?:stands|means|is)\b))\b",
    ),
    rule(
        "hard difficult impossible possible way & to of know",
        r"((?:\b(?:is|be|remains)|'s|^(?:hm+ )?)(?: \w+)? ?\b(?:hard|difficult|impossible|not possible|no way)"
        rf"(?: for me)? (?:to|of) {LEARN})\b",
        r"(\bno way (?:i|we) (?:can|could) (?:know|tell|say))\b",
        rf"(\b(?:find|finds|found) it (?:\w+ly )?(?:impossible|hard|difficult) to {PROVIDE})\b",
        r"((?:(?:\bis|\bbe|\bremains|'s)(?: \w+ly)? impossible|(?:is not|isn't|not) possible)"
        rf"(?: for (?:me|us|one|anyone))? to (?:\w+ly )?{PROVIDE})\b",
    ),
    rule(
        "training knowledge & my",
        r"((?<!\bof.)\bmy (?:training|knowledge)\b[\w ,-]*?(?:\bnot|n't|cut-?off|prevents|limited|ends))\b",
    ),
    rule(
        "ai model assistant",
        r"((?:\bas|\bam|i'm)(?: \w+)? an? (?:\w+ ){0,4}?(?:ai|language model|assistant)\b[\w ']{0,80}?"
        r"(?:\bnot|\bno|\bwithout|\bonly|n't))\b",
    ),
    rule(
        "outside beyond something anything",
        r"(\b(?:outside|beyond)(?: of)? (?:(?:the )?scope|(?:my|our) (?:\w+ )?knowledge|what (?:i|we|the|these)"
        rf"|(?:the|these)(?: {GIVEN})? {TEXT_SHOWN}))\b",
        r"(\bnot (?:something|anything) (?:that )?(?:i|we|can))\b",
    ),
    rule(
        "question & answer",
        r"(\bquestion (?:has no answer|(?:does ?(?:not|n't)|cannot|can't) (?:have an|be) answer(?:ed)?))\b",
    ),
    rule(
        "compare compared & t not cannot",
        r"((?:\bcannot|\bcan ?(?:not|'t)) (?:be compared|compare (?:them|the two)))\b",
    ),
    rule("unknown & to", r"(\bunknown to (?:me|us))$"),
    rule("leave & question", r"(\bleave (?:the|this|your) question (?:open|unanswered))\b"),
)

_ASKING = (
    rule(
        "you please kindly provide",
        r"^((?:could|can|would|will) you(?: please)? (?:provide|give|share|clarify|specify|tell|send|paste|rephrase"
        r"|explain))\b",
        r"^((?:please )?provide (?:me |us )?(?:with )?(?:more |further |additional |the |some )?(?:details|information"
        r"|context|passages?|text))\b",
        r"^((?:please|kindly) (?:provide|share|specify|clarify|send|give|rephrase|paste|attach))\b(?! your\b)",
        rf"^((?:please|kindly) (?:tell me|let me know|state|say) {WH})\b",
        rf"(?:^|\b(?:clarify|specify|tell me) )({WH}(?: [\w'-]+){{0,9}}? (?:are|were|do|did|would) you(?: \w+ly)?"
        rf" {ASK})\b",
        rf"^((?:so |and |but )?(?:are|do|did|were) you(?: \w+ly)? {ASK})\b",
        r"^((?:so |and |but )?(?:would|do) you mind (?:telling|clarifying|specifying|sharing|giving|providing))\b",
    ),
)

RULES = (*_SPEAKER, *_ASKING)
