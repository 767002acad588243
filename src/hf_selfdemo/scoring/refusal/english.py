"""How clauses decline in English: the speaker does not know, what was shown does not say, the answer is not given.

Each pattern is tied to the act of declining, since lists of bare phrases call helpful answers refusals. Patterns are
searched in one clause in lower case, so that "^" and "$" are its ends.
"""

from __future__ import annotations

from hf_selfdemo.scoring.refusal.rules import rule

# --- negation
_AUX = r"(?:do|does|did|is|are|was|were|has|have|had|could|would|will|am|may|might)"
_LY = r"(?: (?:\w+ly|also|even|just|still|yet|ever|however|therefore|either|though|thus|itself|all|at all|in fact))"
_NOT = rf"(?:\b{_AUX}{_LY}?(?: not|n't|nt| never)|\bcan(?:{_LY}? not|not|'t|t)|\bwon't|'(?:m|s|re|ve)(?: not| never))\b"
_ISNT = r" ?(?:not|n't|never)(?: \w+ly)? "
_SOON = r"(?: (?!(?:because|until|before|that|which|who)\b)[\w']+){0,3}?"
_WH = r"(?:who|whom|whose|what|when|where|which|how|why|whether|if|(?:to|by|for) whom|as to)"

# --- what was shown: "the passages", "these two documents", but not "the text of the treaty"
TEXT = (
    r"(?:passages?|texts?|contexts?|documents?|sources?|excerpts?|extracts?|paragraphs?|articles?|snippets?"
    r"|materials?|search results?)"
)
SPEAKS_OF_PASSAGES = (
    r"\b(?:passages?|texts?|contexts?|documents?|excerpts?|extracts?|paragraphs?|articles?|snippets?|search results?"
    r"|(?:provided|given|these|your|both) (?:sources|materials?)|sentence)\b"
)
_GIVEN = r"(?:provided|given|supplied|available|retrieved|above|following|presented|shown|attached|listed)"
_TEXT = rf"(?:{TEXT}(?! of\b|-))"
_INFO = r"(?:information|info|data|evidence|details?|content|knowledge)"
_KIND = rf"(?:{_GIVEN}|first|second|third|fourth|fifth|last|other|two|three|four|five|\d+|entire|whole|same|current)"
_SHOWN = (
    r"(?:(?:\b(?:the|this|that|these|those|both|your|my|each|of|all)|^(?:(?:but|and|as|that|because|since|so|sorry"
    rf"|although|though|even though|while|unfortunately|afraid) )?)(?: ?\b{_KIND}){{0,3}} ?\b{_TEXT}|\b{_GIVEN} {_INFO}"
    rf"|\b{_INFO} {_GIVEN}|\btraining data)\b"
    # what may stand between it and its verb; a clause of its own ("the documents that he stole") may not
    rf"(?: (?:\d+|and|or|nor|{_TEXT}|{_GIVEN}|i|we|you|me|us|was|were|have|has|been|gave|sent|shared|here|alone"
    rf"|in front of me|(?:about|on|in|from) (?:[\w'-]+ ){{0,7}}?[\w'-]+)){{0,6}}?{_LY}{{0,2}}"
)
_IN_SHOWN = rf"(?:in|by|from|within|among|on|with|of) (?:[\w']+ ){{0,4}}?(?:{_TEXT}|{_INFO})\b"
_TELL = (
    r"(?:(?:ment|stat|specif|contain|provid|includ|giv|offer|answer|reveal|indicat|address|discuss|cover|list|nam"
    r"|identif|describ|explain|show|refer|support|suggest|clarif|mak|talk|speak|deal|touch|disclos|allow|report|record"
    r"|help|detail|point|confirm|comment|suppl|elaborat)\w*|say|says|tells?|told|knows?|go into|have|has|hold|note|seem"
    r"|appear|do so)"
)
_TO_THE_POINT = r"(?:relevant|related|about|helpful|clear|specific|sufficient|enough|suitable|useful|explicit)"

# --- what is asked for, and what becomes of it
_NEWS = (
    r"(?:information|info|details?|contexts?|data|mention|answers?|indication|references?|clues?|hint|knowledge|word"
    r"|sign|statement)"
)
_LITTLE = r"(?:no|insufficient|too little|lack of|(?:not|n't)(?: \w+){0,2}? (?:any|enough|sufficient))"
_TOLD = (
    r"(?:ment\w{3,8}|stated?|specified|provided|indicated|disclosed|answered|addressed|touched upon|covered|clarified"
    r"|discussed|explained|revealed|reported|recorded|noted|supplied|said)"
)
_TO_BE_HAD = (
    r"(?:given|available|found|clear|named|listed|present|included|contained|described|there|identified|shown|known"
    r"|answerable|told|to be found)"
)
_KNOW = (
    r"(?:know|no the|answer|tell|say|determine|sure|certain|able|find|have|provide|recall|remember|confirm|aware|help"
    r"|assist|familiar|see|identify|give|locate|verify|recogni[sz]e|access|look|browse|figure|offer|comment|deduce"
    r"|infer|establish|guess|speculate|comply|share|make out|decide|hear)"
)
_LEARN = r"(?:know|tell|say|answer|determine|identify|infer|decide|be sure|be certain|give)"
_LEARNT = (
    r"(?:answer(?:ed|able)|determined?|inferred|deduced|ascertained|known|established|told|said|found|located"
    r"|identified|named|worked out|derived|concluded|given|provided|decided|verified|confirmed|resolved|settled)"
)
_UNTOLD = r"un(?:named|mentioned|specified|stated|answered|answerable|said|clear|known|certain|determined)"
_HERE = r"(?: here| anywhere)?"

# --- the speaker: "Elizabeth I did not marry" is not meant, so "I" begins a clause or comes after a word that does
_I = (
    r"(?:^|\b(?:but|and|so|as|that|because|since|though|although|while|sorry|afraid|unfortunately|regrettably|sadly"
    r"|however|therefore|honestly|hence|yet|or|regret|apologi[sz]e|admit|say|well|passages?|texts?|contexts?|above"
    rf"|given|provided|know|information|{_WH}) )"
)
_I_AM = (
    r"(?:i|we|one)(?:'m|'ve|'d|'re|m)?(?: (?:really|also|still|do|just|am|are|have|would|must|had|been|was|were"
    r"|currently|simply|therefore|thus|could))*"
)
_MANKIND = r"(?:we|one)\b[\w' ]*? (?:see|have|give|find|hear)\b"  # "We cannot see ultraviolet light"

# --- words that rules need
_NEGATIVE_WORDS = "t not never cannot cant dont doesnt didnt isnt wasnt couldnt arent"
_NO_WORDS = "no none nothing neither nowhere nobody"
_SPEAKER_WORDS = "i we one im"
_TEXT_WORDS = (
    "passage passages text texts context contexts document documents source sources excerpt excerpts extract extracts"
    " paragraph paragraphs article articles snippet snippets material materials result results information info data"
    " evidence detail details content knowledge"
)
_NEWS_WORDS = (
    "information info detail details context contexts data mention answer answers indication reference references clue"
    " clues hint knowledge word sign statement"
)
_ASKED_WORDS = (
    f"{_NEWS_WORDS} question questions name names title titles date dates day days month months year years time times"
    " place places identity location locations number numbers age ages reason reasons amount amounts figure figures"
    " cost price height length depth width size weight origin meaning nationality speed score"
)
_UNTOLD_WORDS = (
    "unnamed unmentioned unspecified unstated unanswered unanswerable unsaid unclear unknown uncertain undetermined"
    " unavailable unexplained unrecorded unreported"
)

_SPEAKER = (
    rule(
        f"{_NEGATIVE_WORDS} & {_SPEAKER_WORDS}",
        rf"{_I}(?!{_MANKIND})({_I_AM}(?: (?!said\b)[\w']+){{0,2}}? ?{_NOT}(?! (?:think|believe)\b(?! i\b))"
        rf"{_SOON} {_KNOW})\b",
        # whatever else it is that the speaker is not or does not do: hardly ever an answer
        r"(?:^|\b(?:but|and|so|as|that|because|sorry|afraid|unfortunately) )(i(?: \w+)? ?(?:(?:do|am|have|could|was"
        r") ?(?:not|n't)|can(?:not|'t| not)|'m not|'ve not) (?!(?:stop|think|believe)\b)[\w']+)",
        r"(^(?:i|we) (?:looked|searched|read|checked)\b.* (?:could|did) ?(?:not|n't) (?:find|see))\b",
        r"^((?:we|the reader)(?: are|'re| is)(?:n't| not) (?:told|given|informed))\b",
    ),
    rule(
        "unsure uncertain unable unaware unfamiliar not know lack need require trouble difficulty failed nothing never"
        f" rather prefer decline pass stumped wish guessing blank & {_SPEAKER_WORDS}",
        rf"{_I}({_I_AM} (?:unsure|uncertain|unable|unaware|unfamiliar|not (?:sure|able|certain|aware|familiar)"
        r"|know nothing|lack|(?:need|require)(?: \w+)? (?:more|further|additional|see|have|know)"
        r"|having (?:trouble|difficulty)|failed to|(?:got |found |see )?nothing|never (?:heard|read)"
        r"|(?:rather|prefer) not|decline|(?:have to )?pass|stumped|wish i knew"
        r"|(?:only )?be guessing|drawing a blank))\b",
    ),
    rule(
        f"no insufficient little enough nothing & {_SPEAKER_WORDS}",
        rf"{_I}({_I_AM}(?: (?:see|find|found|got|saw|possess))? (?:no|insufficient|too little|not enough|nothing)"
        rf"(?: [\w'-]+){{0,2}}? (?:idea|clue|way|means|notion|access|on|about|passages?|documents?|{_NEWS}))\b",
    ),
    rule(
        f"{_NEGATIVE_WORDS} unable impossible",  # the speaker left out
        r"^(?:(?:sorry|but|and|so|hm+) )?((?:do not|don'?t|can ?not|can'?t|could not|couldn't|haven't|didn't|did not"
        rf"|not|unable|impossible|not possible)(?: able)?(?: to)?(?: \w+)? (?:be )?(?:{_KNOW}|{_LEARNT}))\b",
    ),
    rule(
        "clue idea",
        r"^(?:(?:sorry|but|and|i have|i've got|i|honestly) )?"
        r"((?:no|not an?|haven't(?: got)? an?|haven't the|without an?)(?: \w+est)? (?:clue|idea))\b",
    ),
    rule(
        "guess beats search knows got dunno idk",
        r"(\byour guess is as good as|\banyone's guess|^beats me|^search me|^who knows$|\bgot me there"
        r"|^i dunno|^dunno|^idk)\b",
    ),
    rule(
        "hard difficult impossible possible way & to of know tell say",
        r"((?:\b(?:is|be|remains)|'s|^(?:hm+ )?)(?: \w+)? ?\b(?:hard|difficult|impossible|not possible|no way)"
        rf"(?: for me)? (?:to|of) {_LEARN})\b",
        r"(\bno way (?:i|we) (?:can|could) (?:know|tell|say))\b",
        rf"((?:is not|isn't|not) possible(?: for me)? to {_LEARN})\b",
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
        r"(\b(?:outside|beyond)(?: of)? (?:(?:the )?scope|(?:my|our) (?:\w+ )?knowledge|what (?:i|we|the|these)))\b",
        r"(\bnot (?:something|anything) (?:that )?(?:i|we|can))\b",
    ),
    rule("leave & question", r"(\bleave (?:the|this|your) question (?:open|unanswered))\b"),
)

_PASSAGES = (
    rule(
        f"{_NEGATIVE_WORDS} {_NO_WORDS} little lack lacks omit omits leave leaves silent mute unrelated irrelevant"
        f" unclear insufficient fail fails failed & {_TEXT_WORDS}",
        rf"({_SHOWN}(?:(?: that| which)? ?{_NOT}{_SOON} (?:{_TELL}|{_TO_THE_POINT})"
        rf"| ?{_NOT}$| not {_TELL}"
        r"| (?:lacks?|omits?|leaves? (?:it |this |that |the \w+ )?(?:open|out|unsaid)|says? nothing"
        r"|(?:has|have) nothing to do"
        r"|(?:is|are) (?:silent|mute|unrelated|irrelevant|unclear|insufficient)"
        rf"|fail(?:s|ed)? to {_TELL}|never {_TELL}|mentions? neither"
        r"|(?:mention|make|give|contain|provide|have|has|offer|include|hold|show)s? (?:no|nothing|none|little))"
        rf"| .{{1,80}}? (?:and|but)(?: also| thus| therefore)? (?:do|does) ?(?:not|n't|nt)(?: \w+){{0,2}}? {_TELL}))\b",
    ),
    rule(
        f"{_NEGATIVE_WORDS} & passage passages text texts context document documents excerpt excerpts",
        r"\b((?:the|this|these|both|your)(?: \w+)? (?:passages?|texts?|context|documents?|excerpts?)"
        r" (?:do|does|can) ?(?:not|n't|nt)(?: \w+ly)? \w+)\b",
    ),
    rule(
        f"{_NO_WORDS} not & {_TEXT_WORDS}",
        r"(\b(?:none|neither|nothing|no|not one|nowhere)\b(?: of| in)?(?: the| these| those| this| your)?"
        rf"(?: {_KIND}){{0,2}} {_TEXT}\b[\w ']*?\b(?:{_TELL}|{_TO_BE_HAD}|about|help|was|were|is|are))\b",
    ),
    rule(
        f"t not nothing nowhere anywhere no absent missing & {_TEXT_WORDS}",
        rf"((?:\b(?:nothing|nowhere|anywhere|no \w+|not(?: \w+)?|absent|missing)|n't(?:(?: an?)? \w+)?) {_IN_SHOWN})",
    ),
    rule(
        "t not & it",
        r"^(it (?:does|did) ?(?:not|n't)(?: \w+ly)? (?:say|tell|mention|specify))"
        rf"(?:(?: \w+)? {_IN_SHOWN}|$| so\b| {_WH}\b)",
    ),
    rule(
        "none neither & of",
        r"^((?:neither|none) of (?:them|these|those) (?:say|mention|state|tell|specif|name|give)\w*)\b",
        r"(\bnone of (?:this|that|these|them) (?:is|are|was|were)(?: \w+)? (?:relevant|related|helpful|about))\b",
    ),
)

_ANSWER = (
    rule(
        "no none nobody",
        r"^(?:(?:but|and|so|unfortunately|sorry) )?((?:no(?: \w+){1,3}|nobody|no one|none)"
        rf" (?:(?:is|are|was|were) (?:{_TOLD}|{_TO_BE_HAD})|can be {_LEARNT}))(?:$| (?:{_WH}|as|{_IN_SHOWN})\b)",
    ),
    rule(
        f"{_NEGATIVE_WORDS} & {_TEXT_WORDS}",
        rf"((?:\b{_AUX}{_LY}? ?(?:not|n't)| never|'s not)(?: \w+ly)? (?:{_TOLD}|{_TO_BE_HAD})(?: \w+)?) {_IN_SHOWN}",
    ),
    rule(
        "t not never cannot",
        rf"((?:\bis|\bare|\bwas|\bwere|'s)(?: \w+ly)?{_ISNT}{_TOLD}){_HERE}(?:$| (?:{_WH}|that)\b)",
        rf"((?:\bis|\bare|'s)(?: \w+ly)?{_ISNT}{_TO_BE_HAD}){_HERE}(?:$| {_WH}\b)",
        rf"((?:\bhas|\bhave)(?:n't| not) been (?:{_TOLD}|{_TO_BE_HAD})){_HERE}$",
        rf"^(?:it|this|that|these) ((?:was|were|has been|have been){_ISNT}{_TO_BE_HAD}){_HERE}$",
        rf"^((?:it|this|that|these) (?:can|could)(?: \w+)? ?(?:not|n't|'t) be {_LEARNT})"
        r"(?! (?:until|before|at|outside)\b)",
    ),
    rule(
        f"t not never cannot & {_ASKED_WORDS} who which what",
        rf"(\b(?:was|were|has been|have been){_ISNT}{_TO_BE_HAD}){_HERE}$",
        rf"^(?!an? ).*?(\b(?:can|could)(?: \w+)? ?(?:not|n't|'t) be {_LEARNT})(?! (?:until|before|at|outside)\b)",
    ),
    rule(
        f"not none {_UNTOLD_WORDS}",
        r"^((?:(?!(?:an?|the|by|some|many|was|were|remained)\b)\w+ )?(?:not|un)(?: \w+ly)?"
        rf" ?(?:{_TOLD}|{_TO_BE_HAD}))(?:{_HERE}| {_IN_SHOWN}| \w+ly| yet| at all)$",
        rf"^(none {_TOLD})$",
    ),
    rule(
        f"{_UNTOLD_WORDS} open",
        rf"(\b(?:is|are|goes|go|remains?|left)(?: \w+)? {_UNTOLD})(?: (?:{_WH}\b|from|in|by|given).*)?$",
    ),
    rule(
        "unknown unclear uncertain unsure not & it",
        r"(\bit(?: is|'s| remains)(?: \w+ly| still)? (?:un|not )(?:known|clear|certain|sure))"
        rf"(?:$| (?:{_WH}|from|in)\b)",
    ),
    rule("absent missing lacking omitted out", r"(\b(?:is|are|was|were) (?:absent|missing|lacking|omitted|left out))$"),
)

_INFORMATION = (
    rule(
        f"no not t insufficient little lack & {_NEWS_WORDS}",
        r"(?:^|\b(?:there (?:is|are|was|were)|there's|but|and|so|have|has|with|because|find|found|see"
        rf"|due to)(?: also| simply| still)? ?)({_LITTLE}(?: \w+){{0,2}}? {_NEWS})"
        rf"(?: here)?(?:$| of(?:(?! in\b).)*(?:$| {_IN_SHOWN})| (?:about|on|as to|for that|regarding|concerning"
        rf"|to {_LEARN}|{_WH}|{_IN_SHOWN}|to (?:this|that|the|your) question"
        r"|(?:(?:is|are|was|were) )?(?:given|provided|available|found))\b)",
    ),
    rule(
        f"insufficient missing lacking incomplete & {_TEXT_WORDS}",
        r"(\b(?:information|info|data|context|details?|evidence) (?:[\w ']* (?:is|are)(?: \w+)? |)"
        r"(?:insufficient|missing|lacking|incomplete))\b",
    ),
    rule("evidence", r"^((?:not enough|insufficient) evidence)$"),
    rule("enough & there", r"(\bthere(?: is|'s|'re| are)(?: ?n't| not) enough\b.*\bto \w+)"),
    rule(
        "more further additional",
        rf"(\b(?:more|further|additional) (?:\w+ )?{_NEWS} (?:is|are|would be) (?:needed|required|necessary))\b",
        rf"(\bwithout (?:more|further|additional) {_NEWS})\b",
    ),
    rule(
        "nothing",
        r"(\bthere(?: is|'s| was) nothing(?: here)? (?:about|on|in|to)"
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
        r"^((?:please|kindly) (?:provide|share|specify|clarify|send|give|rephrase|paste|attach))\b",
        r"^(which \w+ (?:are you|do you|did you))\b",
        r"^(what do you mean|do you mean)\b",
    ),
)

OFF_TOPIC = (
    rule(
        f"about only merely just & {_TEXT_WORDS}",
        rf"({_SHOWN} (?:(?:only|merely|just) \w+|(?:give|mention|name|list|state)s? only"
        r"|(?:is|are|seems? to be|appears? to be)(?: all| only)? about))\b",
    ),
    rule("only", rf"^(only .* (?:is|are|was|were) (?:{_TOLD}|given|named))(?:$| {_IN_SHOWN})"),
)
"""What the passages do hold instead: declines in a reply that says nothing else."""

RULES = (*_SPEAKER, *_PASSAGES, *_ANSWER, *_INFORMATION, *_ASKING)

OF_PASSAGES = (
    rule(
        _NEGATIVE_WORDS,
        r"^(?:(?:but|and|yet|however|so|as|though|although|while) )?((?:(?:it|they|this) )?(?:also )?(?:do|does|did|can"
        rf"|could) ?(?:not|n't)(?: \w+){{0,2}}? {_TELL})\b",
        r"((?:\bis|\bare|\bwas|\bwere) ?(?:not|n't))$",
        r"((?:not|n't) ?(?:something )?(?:that )?(?:they|it|the \w+) (?:mention|say|tell|give|discuss|cover)s?)\b",
    ),
    rule(
        "neither none",
        r"^(?:(?:but|and|yet|so|however) )?((?:neither|none)(?: of (?:them|these|those|which))?\b[\w ']*?"
        rf"\b(?:{_TELL}|{_TO_BE_HAD}|about|is|are|was|were))\b",
    ),
    rule("nothing without", r"((?:it|they) says? nothing|\bwithout (?:say|tell|nam|giv|stat|mention|specify)ing)\b"),
    rule(
        "not nothing none no",
        r"^(?:but|and|yet) ((?:not|nothing|no)\b.*)",
        rf"^(?:though|although) (not {_WH})\b",
        r"^((?:nothing (?:about|on|of)|none(?! of)) .*)",
    ),
)
"""Only in a reply that speaks of passages: who declines is told by a pronoun or by nothing."""

_LEAD_IN = r"(?:(?:the |final |my )*(?:answer|reply|response|a)\b ?(?:is)?\W*)?(?:sorry\W+)?"
WHOLE_REPLY = rule(
    f"n idk dunno idea clue sure sorry answer info information data given un applicable {_NEGATIVE_WORDS} unable"
    f" undeterminable {_UNTOLD_WORDS}",
    rf"^\W*{_LEAD_IN}(n ?[/.] ?a|unknown|unclear|undetermin(?:ed|able)|un-?answerable|not answerable|no answer(?: \w+)?"
    r"|none given|idk|dunno|no idea|no clue|not sure|(?:i )?(?:do not|don'?t) know|sorry|can ?not answer|unable to \w+"
    r"|no info\w*|no data|not applicable)\W*$",
)
"""Short replies, in whatever case: a title of these words is none."""

OTHER_MATTER = r"\bpersonal (?:exp|view|val|pract|des|bias)|\bopinion|\b(?:beliefs?|emotions?|feelings?|preferences?)\b"
"""What a reply that begins "As an AI, I do not have ..." may lack and yet answer."""

ONLY_EXACTLY = r"\bexact|\bprecise|\bdefinitive|\bfor (?:sure|certain)\b|\bfull list\b|\breal-time\b|\blatest\b"
"""A clause that declines no more than this leaves room for an answer."""
