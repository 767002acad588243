"""Rules for English: the passages do not say, the answer is not given, or information is lacking.

Each pattern describes an act of abstaining, because bare phrases also occur in helpful answers. Patterns are searched
in one clause in lower case, so "^" and "$" match its ends.
"""

from hf_selfdemo.scoring.refusal.rules import rule
from hf_selfdemo.scoring.refusal.vocabulary import (
    ASKED_WORDS,
    AUX,
    HERE,
    IN_SHOWN,
    ISNT,
    KIND,
    LEARN,
    LEARNT,
    LITTLE,
    LY,
    NEGATIVE_WORDS,
    NEWS,
    NEWS_WORDS,
    NO_WORDS,
    NOT,
    SHOWN,
    SOON,
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

_PASSAGES = (
    rule(
        f"{NEGATIVE_WORDS} {NO_WORDS} little lack lacks omit omits leave leaves silent mute unrelated irrelevant"
        f" unclear insufficient too fail fails failed & {TEXT_WORDS}",
        rf"({SHOWN}(?:(?: that| which)? ?{NOT}{SOON} (?:{TELL}|{TO_THE_POINT})"
        rf"| ?{NOT}$| not {TELL}"
        r"| (?:lacks?|omits?|leaves? (?:it |this |that |the \w+ )?(?:open|out|unsaid)|says? nothing"
        r"|(?:has|have) nothing to do"
        r"|(?:is|are|(?:appear|seem)s?(?: to be)?|remain|stay)(?: \w+ly)?"
        r" (?:silent|mute|unrelated|irrelevant|unclear|insufficient|too \w+ to)"
        rf"|fail(?:s|ed)? to {TELL}|never {TELL}|mentions? neither"
        r"|(?:mention|make|give|contain|provide|have|has|offer|include|hold|show|list|name)s? (?:no|nothing|none"
        r"|little))"
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
        "t not never & who when where why how whether which what whom",
        rf"((?:(?:\b(?:it|they) )?\b(?:does|do) ?(?:not|n't)(?: \w+ly)?|\bnever) (?:says?|tells?(?: us| me)?"
        rf"|mentions?|specif(?:y|ies)|states?"
        rf"|reveals?|explains?|indicates?|makes? clear)) {WH}\b",
    ),
    rule("never", r"(\bnever (?:spells?|says?|names?|tells?) (?:it|this|that)(?: out)?)$"),
    rule(
        "t not doesnt dont",
        r"^((?:it |they )?(?:does|did|do) ?(?:not|n't|nt)(?: \w+ly)? (?:say|tell|mention|specify|state))"
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
        "no & given found available listed mentioned stated specified provided shown named passage passages text"
        " document",
        r"^(?:(?:sorry|but|and) )?(no (?:(?!(?:one|other)\b)[\w'-]+ ){1,4}(?:given|found|available|listed"
        r"|mentioned|stated"
        r"|specified|provided|shown|named))$",
        r"^(no (?:relevant|such|matching|related|suitable|helpful) (?:passage|text|document)s?)$",
    ),
    rule(
        "no none nobody",
        r"^(?:(?:but|and|so|unfortunately|sorry) )?((?:no(?: \w+){1,3}|nobody|no one|none)"
        rf" (?:(?:is|are|was|were) (?:{TOLD}|{TO_BE_HAD})|can be {LEARNT}))(?:$| (?:{WH}|as|for|{IN_SHOWN})\b)",
    ),
    rule(
        f"{NEGATIVE_WORDS} & {TEXT_WORDS}",
        rf"((?:\b{AUX}{LY}? ?(?:not|n't)| never|'s not)(?: \w+ly)? (?:{TOLD}|{TO_BE_HAD})(?: \w+)?) {IN_SHOWN}",
    ),
    rule(
        "t not never cannot nowhere",
        rf"((?:\bis|\bare|'s) nowhere (?:{TOLD}|given|named|described|explained|to be found$))\b",
        rf"((?:does|do|did) ?(?:not|n't) (?:appear|figure|feature|come up|show up)) (?:(?:in|on) (?:it|them|any)"
        rf"|{IN_SHOWN})",
        r"((?:does|do|did) ?(?:not|n't) (?:come up|get mentioned)|never (?:comes?|came) up)$",
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
        rf"^(?:(?!(?:is|are|was|were|has|have|did|does|had|by|he|she|it|they|who|which|that)\b)[\w'-]+ ){{2,6}}"
        rf"((?:not|never) (?:{TOLD}|{TO_BE_HAD}))(?:{HERE}| {IN_SHOWN})$",
        r"^(not (?:in|on) (?:there|here|them|these|any of them)(?: anywhere)?)$",
    ),
    rule(
        f"{UNTOLD_WORDS} open",
        rf"(\b(?:is|are|goes|go|remains?|left)(?: \w+)? {UNTOLD})"
        rf"(?: (?:{WH}\b|from|in|by|given|based|according|because|since).*)?$",
    ),
    rule("unspecified", r"(\bunspecified (?:date|year|day|time|place|location|number|amount|person))\b"),
    rule(
        "unknown unclear uncertain unsure not & it",
        r"(\bit(?: is|'s| remains)(?: \w+ly| still)? (?:un|not )(?:known|clear|certain|sure))"
        rf"(?:$| (?:{WH}|from|in)\b)",
    ),
    rule(
        f"absent missing lacking omitted out & {ASKED_WORDS} who what which when where how why",
        r"^(?!.*\b(?:when|if|where|means?)\b).*(\b(?:is|are|was|were) (?:absent|missing|lacking|omitted|left out))$",
    ),
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
    rule(
        "not",
        rf"^(?:but|and|though|although) (not {WH})$",
        r"^(?:but|and|though|although) (not (?:who|why|when|how|what|whom|whose|by whom|in which|for what)\b)",
    ),
    rule("no & number figure date name", r"(\bthere (?:is|are) no (?:number|figure|date|name))$"),
    rule("evidence", r"^((?:not enough|insufficient) evidence)$"),
    rule(
        f"t not & there & {NEWS_WORDS} enough passage document",
        r"(\bthere (?:do|does)(?: not|n't) (?:seem|appear) to be (?:an?|any|enough)\b.*"
        rf"\b(?:{NEWS}|passages?|documents?))\b",
        r"(\bthere(?: is|'s|'re| are)(?: not|n't) (?:a single|any|one) (?:passage|document|text|source|mention)s?)\b",
    ),
    rule("enough & there", r"(\bthere(?: is|'s|'re| are)(?: ?n't| not) enough\b.*\bto \w+)"),
    rule(
        f"{NEWS_WORDS} & more further additional",
        rf"(\b(?:more|further|additional) (?:\w+ )?{NEWS} (?:is|are|would be) (?:needed|required|necessary))\b",
        rf"(\bwithout (?:more|further|additional) {NEWS})\b",
    ),
    rule(
        "nothing",
        r"^((?:sorry )?nothing (?:in|on|about) (?:here|there|them|it|this|that|these)(?: about| on| in|$))",
        r"(\bthere(?: is|'s| was) nothing(?: here)?"
        r" (?:about|on(?! the (?:back|front|other|inside|outside|floor|wall))|in|to)"
        rf"|^(?:but |and )?nothing (?:in )?(?:here|there|it|them)(?: \w+ly)? (?:{TELL}))\b",
        r"(\bnothing (?:is|was) (?:said|mentioned|stated|written|known))\b",
        r"^(?:but|and) (nothing (?:about|on))\b",
    ),
)

RULES = (*_PASSAGES, *_ANSWER, *_INFORMATION)

OF_PASSAGES = (
    rule(
        NEGATIVE_WORDS,
        r"^(?:(?:but|and|yet|however|so|as|though|although|while) )?((?:(?:it|they|this) )?(?:also )?(?:do|does|did|can"
        rf"|could) ?(?:not|n't)(?: \w+){{0,2}}? {TELL})\b",
        r"((?:\bis|\bare|\bwas|\bwere|\b(?:they|it) do|\b(?:they|it) does|\bnone|\bneither) ?(?:not|n't))$",
        r"((?:\bis|\bare|'s|n't)(?: not|n't)? among (?:them|these|those|the (?:facts|details|things)))\b",
        r"((?:not|n't) ?(?:something )?(?:that )?(?:they|it|the \w+) (?:mention|say|tell|give|discuss|cover|reveal"
        r"|disclose)s?)\b",
    ),
    rule(
        "neither none",
        r"^(?:(?:but|and|yet|so|however) )?((?:neither|none)(?: of (?:them|these|those|which))?\b[\w ']*?"
        rf"\b(?:{TELL}|{TO_BE_HAD}|about|is|are|was|were|does|do))\b",
    ),
    rule("silent", r"((?:it|they) (?:is|are|remains?|stays?) silent)\b"),
    rule(
        "no nothing none little",
        r"((?:it|they) (?:mention|make|give|contain|provide|have|has|offer|include|hold|show|say|list|name|supply)s?"
        r" (?:no|nothing|none|little))\b",
    ),
    rule("nothing without", r"((?:it|they) says? nothing|\bwithout (?:say|tell|nam|giv|stat|mention|specify)ing)\b"),
    rule(
        "not nothing none no",
        r"^(?:but|and|yet) (not|nothing|no)\b",
        r"^(not) (?:for|of|about|on) (?:the|that|this|his|her|its|their)\b",
        rf"^(?:though|although) (not {WH})\b",
        r"^(nothing (?:about|on|of)|none(?! of)) ",
    ),
)
"""Rules for replies that mention passages: the subject is a pronoun or is left out."""

_LEAD_IN = r"(?:(?:the |final |my )*(?:answer|reply|response|a)\b ?(?:is)?\W*)?(?:sorry\W+)?"
WHOLE_REPLY = rule(
    f"n idk dunno idea clue sure sorry answer no_answer null insufficient info information data given un applicable"
    f" {NEGATIVE_WORDS} unable"
    f" undeterminable {UNTOLD_WORDS}",
    rf"^\W*(?:\{{\W*\w+\W*: ?\W*)?{_LEAD_IN}(n ?[/.] ?a|unknown|unclear"
    r"|undetermin(?:ed|able)|un-?answerable|not answerable|no answer(?: \w+)?"
    r"|none given|idk|dunno|no idea|no clue|not sure|(?:i )?(?:do not|don'?t) know|sorry|can ?not answer|unable to \w+"
    r"|no info\w*|no data|not applicable|no[_ ]answer"
    r"|insufficient[_ ](?:context|information|evidence|data)|null(?=\W*\}))(?:\W*\w+\W*:\W*(?:null)?)?\W*$",
)
"""Short replies that abstain as a whole, in any letter case: they are never taken for titles."""

OTHER_MATTER = r"\bpersonal (?:exp|view|val|pract|des|bias)|\bopinion|\b(?:beliefs?|emotions?|feelings?|preferences?)\b"
"""What the speaker may lack and still answer, e.g. "As an AI, I do not have opinions"."""

ONLY_EXACTLY = r"\bexact|\bprecise|\bdefinitive|\bfor (?:sure|certain)\b|\bfull list\b|\breal-time\b|\blatest\b"
"""Words of precision: a reply that abstains only on an exact answer may still give another."""
