"""How clauses decline in English: the speaker does not know, what was shown does not say, the answer is not given.

Each pattern is tied to the act of declining, since lists of bare phrases call helpful answers refusals. Patterns are
searched in one clause in lower case, so that "^" and "$" are its ends.
"""

from __future__ import annotations

from hf_selfdemo.scoring.refusal.rules import rule
from hf_selfdemo.scoring.refusal.vocabulary import (
    ASK,
    ASKED_WORDS,
    AUX,
    BEFORE_I,
    GIVEN,
    HERE,
    I_AM,
    IN_SHOWN,
    ISNT,
    KIND,
    KNOW,
    LEARN,
    LEARNT,
    LITTLE,
    LY,
    MANKIND,
    NEGATIVE_WORDS,
    NEWS,
    NEWS_WORDS,
    NO_WORDS,
    NOT,
    PROVIDE,
    SHOWN,
    SOON,
    SPEAKER_WORDS,
    TELL,
    TEXT_SHOWN,
    TEXT_WORDS,
    TO_BE_HAD,
    TO_THE_POINT,
    TOLD,
    UNTOLD,
    UNTOLD_WORDS,
    WH,
)

_SPEAKER = (
    rule(
        f"{NEGATIVE_WORDS} & {SPEAKER_WORDS}",
        rf"{BEFORE_I}(?!{MANKIND})({I_AM}(?: (?!said\b)[\w']+){{0,2}}? ?{NOT}(?! (?:think|believe)\b(?! i\b))"
        rf"{SOON} {KNOW})\b",
        # whatever else it is that the speaker is not or does not do: hardly ever an answer
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
        r"|(?:need|require) (?:to (?:see|know|read)|the (?:full|whole|rest|original|complete|entire))"
        r"|having (?:trouble|difficulty)|failed to|(?:got |found |see )?nothing|never (?:heard|read)"
        r"|(?:rather|prefer) not|decline|(?:have to )?pass|stumped|wish i knew"
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
        f"{NEGATIVE_WORDS} unable impossible",  # the speaker left out
        r"^(?:(?:sorry|but|and|so|hm+) )?((?:do not|don'?t|can ?not|can'?t|could not|couldn't|haven't|didn't|did not"
        rf"|not|unable|impossible|not possible)(?: able)?(?: to)?(?: \w+)? (?:be )?(?:{KNOW}|{LEARNT}))\b",
    ),
    rule(
        "clue idea",
        r"^(?:(?:sorry|but|and|i have|i've got|i|honestly) )?"
        r"((?:no|not an?|haven't(?: got)? an?|haven't the|without an?)(?: \w+est)? (?:clue|idea))\b",
    ),
    rule(
        "guess beats search knows got dunno idk",
        r"(\byour guess is as good as|\banyone's guess|^beats me$|^search me$|^who knows$|\bgot me there"
        r"|^i dunno|^dunno|^idk)\b",
    ),
    rule(
        "hard difficult impossible possible way & to of know",
        r"((?:\b(?:is|be|remains)|'s|^(?:hm+ )?)(?: \w+)? ?\b(?:hard|difficult|impossible|not possible|no way)"
        rf"(?: for me)? (?:to|of) {LEARN})\b",
        r"(\bno way (?:i|we) (?:can|could) (?:know|tell|say))\b",
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
    rule("leave & question", r"(\bleave (?:the|this|your) question (?:open|unanswered))\b"),
)

_PASSAGES = (
    rule(
        f"{NEGATIVE_WORDS} {NO_WORDS} little lack lacks omit omits leave leaves silent mute unrelated irrelevant"
        f" unclear insufficient fail fails failed & {TEXT_WORDS}",
        rf"({SHOWN}(?:(?: that| which)? ?{NOT}{SOON} (?:{TELL}|{TO_THE_POINT})"
        rf"| ?{NOT}$| not {TELL}"
        r"| (?:lacks?|omits?|leaves? (?:it |this |that |the \w+ )?(?:open|out|unsaid)|says? nothing"
        r"|(?:has|have) nothing to do"
        r"|(?:is|are|(?:appear|seem)s?(?: to be)?|remain|stay)(?: \w+ly)?"
        r" (?:silent|mute|unrelated|irrelevant|unclear|insufficient)"
        rf"|fail(?:s|ed)? to {TELL}|never {TELL}|mentions? neither"
        r"|(?:mention|make|give|contain|provide|have|has|offer|include|hold|show)s? (?:no|nothing|none|little))"
        rf"| .{{1,80}}? (?:and|but)(?: also| thus| therefore)? (?:do|does) ?(?:not|n't|nt)(?: \w+){{0,2}}? {TELL}))\b",
    ),
    rule(
        f"{NEGATIVE_WORDS} & passage passages text texts context document documents excerpt excerpts",
        r"\b((?:the|this|these|both|your)(?: \w+)? (?:passages?|texts?|context|documents?|excerpts?)"
        r" (?:do|does|can) ?(?:not|n't|nt)(?: \w+ly)? \w+)\b",
    ),
    rule(
        f"{NO_WORDS} not & {TEXT_WORDS}",
        r"(\b(?:none|neither|nothing|no|not one|nowhere)\b(?: of| in)?(?: the| these| those| this| your)?"
        rf"(?: {KIND}){{0,2}} {TEXT_SHOWN}\b[\w ']*?\b(?:{TELL}|{TO_BE_HAD}|about|help|was|were|is|are))\b",
    ),
    rule(
        f"t not nothing nowhere anywhere no absent missing & {TEXT_WORDS}",
        rf"((?:\b(?:nothing|nowhere|anywhere|no \w+|not(?: \w+)?|absent|missing)|n't(?:(?: an?)? \w+)?) {IN_SHOWN})",
    ),
    rule(
        "passage passages text texts excerpt excerpts document documents article & before of",
        rf"({SHOWN} (?:(?:is|are) cut off|cuts? off|breaks? off|ends?|stops?)(?: short)?(?: \w+)?"
        r" (?:before|of (?:nam|giv|say|tell)ing))\b",
    ),
    rule(
        "t not doesnt dont",
        r"^((?:it )?(?:does|did|do) ?(?:not|n't|nt)(?: \w+ly)? (?:say|tell|mention|specify|state))"
        rf"(?:(?: \w+)? {IN_SHOWN}|$| so\b| {WH}\b| (?:anything|anywhere|that|it|this)$)",
        r"^(it (?:does|did) ?(?:not|n't)(?: \w+ly)? (?:mention|specify|state|give|name|say))"
        r" (?:the|its|his|her|their|an?|any) (?:(?:full|exact|specific|first|last|real) )?"
        r"(?:name|date|year|day|month|place|number|reason|age|identity|location|figure|title|answer)s?\b",
    ),
    rule(
        "none neither & of",
        r"^((?:neither|none) of (?:them|these|those) (?:say|mention|state|tell|specif|name|give)\w*)\b",
        r"(\bnone of (?:this|that|these|them) (?:(?:is|are|was|were)(?: \w+)? (?:relevant|related|helpful|about)"
        r"|(?:\w+ly )?helps?|(?:talk|speak)s? about))\b",
    ),
)

_ANSWER = (
    rule(
        "no none nobody",
        r"^(?:(?:but|and|so|unfortunately|sorry) )?((?:no(?: \w+){1,3}|nobody|no one|none)"
        rf" (?:(?:is|are|was|were) (?:{TOLD}|{TO_BE_HAD})|can be {LEARNT}))(?:$| (?:{WH}|as|{IN_SHOWN})\b)",
    ),
    rule(
        f"{NEGATIVE_WORDS} & {TEXT_WORDS}",
        rf"((?:\b{AUX}{LY}? ?(?:not|n't)| never|'s not)(?: \w+ly)? (?:{TOLD}|{TO_BE_HAD})(?: \w+)?) {IN_SHOWN}",
    ),
    rule(
        "t not never cannot nowhere",
        rf"((?:\bis|\bare|'s) nowhere(?: to be)? (?:{TOLD}|{TO_BE_HAD}))\b",
        rf"((?:\bis|\bare|\bwas|\bwere|'s)(?: \w+ly)?{ISNT}{TOLD}){HERE}(?:$| (?:{WH}|that)\b)",
        rf"((?:\bis|\bare|'s)(?: \w+ly)?{ISNT}{TO_BE_HAD}){HERE}(?:$| {WH}\b)",
        rf"((?:\bhas|\bhave)(?:n't| not) been (?:{TOLD}|{TO_BE_HAD})){HERE}$",
        rf"^(?:it|this|that|these) ((?:was|were|has been|have been){ISNT}{TO_BE_HAD}){HERE}$",
        rf"^((?:it|this|that|these) (?:can|could)(?: \w+)? ?(?:not|n't|'t) be {LEARNT})"
        r"(?! (?:until|before|at|outside)\b)",
    ),
    rule(
        f"t not never cannot & {ASKED_WORDS} who which what",
        rf"(\b(?:was|were|has been|have been){ISNT}{TO_BE_HAD}){HERE}$",
        rf"^(?!an? ).*?(\b(?:can|could)(?: \w+)? ?(?:not|n't|'t) be {LEARNT})(?! (?:until|before|at|outside)\b)",
    ),
    rule(
        f"not none {UNTOLD_WORDS}",
        r"^((?:(?!(?:an?|the|by|some|many|was|were|remained)\b)\w+ )?(?:not|un)(?: \w+ly)?"
        rf" ?(?:{TOLD}|{TO_BE_HAD}))(?:{HERE}| {IN_SHOWN}| \w+ly| yet| at all)$",
        rf"^(none {TOLD})$",
        r"^(not (?:in|on) (?:there|here|them|these|any of them)(?: anywhere)?)$",
    ),
    rule(
        f"{UNTOLD_WORDS} open",
        rf"(\b(?:is|are|goes|go|remains?|left)(?: \w+)? {UNTOLD})"
        rf"(?: (?:{WH}\b|from|in|by|given|based|according|because|since).*)?$",
    ),
    rule(
        "unknown unclear uncertain unsure not & it",
        r"(\bit(?: is|'s| remains)(?: \w+ly| still)? (?:un|not )(?:known|clear|certain|sure))"
        rf"(?:$| (?:{WH}|from|in)\b)",
    ),
    rule("absent missing lacking omitted out", r"(\b(?:is|are|was|were) (?:absent|missing|lacking|omitted|left out))$"),
)

_INFORMATION = (
    rule(
        f"no not t insufficient little lack & {NEWS_WORDS}",
        r"(?:^|\b(?:there (?:is|are|was|were|(?:seem|appear)s? to be)|there's|but|and|so|have|has|with|because|find"
        rf"|found|see|due to)(?: also| simply| still)? ?)({LITTLE}(?: \w+){{0,2}}? {NEWS})"
        rf"(?: here)?(?:$| of(?:(?! in\b).)*(?:$| {IN_SHOWN})| (?:about|on|as to|for that|regarding|concerning"
        rf"|to {LEARN}|{WH}|{IN_SHOWN}|to (?:this|that|the|your) question|to (?:this|that|it)$"
        r"|(?:(?:is|are|was|were) )?(?:given|provided|available|found))\b)",
    ),
    rule(
        f"insufficient missing lacking incomplete & {TEXT_WORDS}",
        r"(\b(?:information|info|data|context|details?|evidence) (?:[\w ']* (?:is|are)(?: \w+)? |)"
        r"(?:insufficient|missing|lacking|incomplete))\b",
    ),
    rule("evidence", r"^((?:not enough|insufficient) evidence)$"),
    rule(
        f"t not & there & {NEWS_WORDS} enough passage document",
        r"(\bthere (?:do|does)(?: not|n't) (?:seem|appear) to be (?:an?|any|enough)\b.*"
        rf"\b(?:{NEWS}|passages?|documents?))\b",
        r"(\bthere(?: is|'s|'re| are)(?: not|n't) (?:a single|any|one) (?:passage|document|text|source|mention)s?)\b",
    ),
    rule("enough & there", r"(\bthere(?: is|'s|'re| are)(?: ?n't| not) enough\b.*\bto \w+)"),
    rule(
        "more further additional",
        rf"(\b(?:more|further|additional) (?:\w+ )?{NEWS} (?:is|are|would be) (?:needed|required|necessary))\b",
        rf"(\bwithout (?:more|further|additional) {NEWS})\b",
    ),
    rule(
        "nothing",
        r"^((?:sorry )?nothing (?:in|on|about) (?:here|there|them|it|this|that|these)(?: about| on| in|$))",
        r"(\bthere(?: is|'s| was) nothing(?: here)?"
        r" (?:about|on(?! the (?:back|front|other|inside|outside|floor|wall))|in|to)"
        r"|^nothing (?:here|there) (?:say|tell|show|indicate)s)\b",
        r"(\bnothing (?:is|was) (?:said|mentioned|stated|written|known))\b",
        r"^(?:but|and) (nothing (?:about|on))\b",
    ),
)

_ASKING = (
    rule(
        "you please kindly",
        r"^((?:could|can|would|will) you(?: please)? (?:provide|give|share|clarify|specify|tell|send|paste|rephrase"
        r"|explain))\b",
        r"^((?:please|kindly) (?:provide|share|specify|clarify|send|give|rephrase|paste|attach))\b(?! your\b)",
        rf"^((?:please|kindly) (?:tell me|let me know|state|say) {WH})\b",
        rf"(?:^|\b(?:clarify|specify|tell me) )({WH}(?: [\w'-]+){{0,9}}? (?:are|were|do|did|would) you(?: \w+ly)?"
        rf" {ASK})\b",
        rf"^((?:so |and |but )?(?:are|do|did|were) you(?: \w+ly)? {ASK})\b",
        r"^((?:so |and |but )?(?:would|do) you mind (?:telling|clarifying|specifying|sharing|giving|providing))\b",
    ),
)

OFF_TOPIC = (
    rule(
        f"about only merely just & {TEXT_WORDS}",
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
"""What the passages do hold instead: declines in a reply that says nothing else."""

RULES = (*_SPEAKER, *_PASSAGES, *_ANSWER, *_INFORMATION, *_ASKING)

OF_PASSAGES = (
    rule(
        NEGATIVE_WORDS,
        r"^(?:(?:but|and|yet|however|so|as|though|although|while) )?((?:(?:it|they|this) )?(?:also )?(?:do|does|did|can"
        rf"|could) ?(?:not|n't)(?: \w+){{0,2}}? {TELL})\b",
        r"((?:\bis|\bare|\bwas|\bwere|\b(?:they|it) do|\b(?:they|it) does|\bnone|\bneither) ?(?:not|n't))$",
        r"((?:\bis|\bare|'s|n't)(?: not)? among (?:them|these|those))\b",
        r"((?:not|n't) ?(?:something )?(?:that )?(?:they|it|the \w+) (?:mention|say|tell|give|discuss|cover)s?)\b",
    ),
    rule(
        "neither none",
        r"^(?:(?:but|and|yet|so|however) )?((?:neither|none)(?: of (?:them|these|those|which))?\b[\w ']*?"
        rf"\b(?:{TELL}|{TO_BE_HAD}|about|is|are|was|were|does|do))\b",
    ),
    rule("silent", r"((?:it|they) (?:is|are|remains?|stays?) silent)\b"),
    rule("nothing without", r"((?:it|they) says? nothing|\bwithout (?:say|tell|nam|giv|stat|mention|specify)ing)\b"),
    rule(
        "not nothing none no",
        r"^(?:but|and|yet) ((?:not|nothing|no)\b.*)",
        rf"^(?:though|although) (not {WH})\b",
        r"^((?:nothing (?:about|on|of)|none(?! of)) .*)",
    ),
)
"""Only in a reply that speaks of passages: who declines is told by a pronoun or by nothing."""

_LEAD_IN = r"(?:(?:the |final |my )*(?:answer|reply|response|a)\b ?(?:is)?\W*)?(?:sorry\W+)?"
WHOLE_REPLY = rule(
    f"n idk dunno idea clue sure sorry answer info information data given un applicable {NEGATIVE_WORDS} unable"
    f" undeterminable {UNTOLD_WORDS}",
    rf"^\W*{_LEAD_IN}(n ?[/.] ?a|unknown|unclear|undetermin(?:ed|able)|un-?answerable|not answerable|no answer(?: \w+)?"
    r"|none given|idk|dunno|no idea|no clue|not sure|(?:i )?(?:do not|don'?t) know|sorry|can ?not answer|unable to \w+"
    r"|no info\w*|no data|not applicable)\W*$",
)
"""Short replies, in whatever case: a title of these words is none."""

OTHER_MATTER = r"\bpersonal (?:exp|view|val|pract|des|bias)|\bopinion|\b(?:beliefs?|emotions?|feelings?|preferences?)\b"
"""What a reply that begins "As an AI, I do not have ..." may lack and yet answer."""

ONLY_EXACTLY = r"\bexact|\bprecise|\bdefinitive|\bfor (?:sure|certain)\b|\bfull list\b|\breal-time\b|\blatest\b"
"""A clause that declines no more than this leaves room for an answer."""
