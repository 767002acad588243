"""Building blocks of the English patterns, and the words that rules need."""

from __future__ import annotations

# --- negation
AUX = r"(?:do|does|did|is|are|was|were|has|have|had|could|would|will|am|may|might)"
LY = r"(?: (?:\w+ly|also|even|just|still|yet|ever|however|therefore|either|though|thus|itself|all|at all|in fact))"
NOT = rf"(?:\b{AUX}{LY}?(?: not|n't|nt| never)|\bcan(?:{LY}? not|not|'t|t)|\bwon't|'(?:m|s|re|ve)(?: not| never))\b"
ISNT = r" ?(?:not|n't|never)(?: \w+ly)? "
SOON = r"(?: (?!(?:because|until|before|that|which|who)\b)[\w']+){0,3}?"
WH = r"(?:who|whom|whose|what|when|where|which|how|why|whether|if|(?:to|by|for) whom|as to)"

# --- what the model was shown: "the passages", "these two documents", but not "the text of the treaty"
TEXT = (
    r"(?:passages?|texts?|contexts?|documents?|sources?|excerpts?|extracts?|paragraphs?|articles?|snippets?"
    r"|materials?|search results?)"
)
SPEAKS_OF_PASSAGES = (
    r"\b(?:passages?|texts?|contexts?|documents?|excerpts?|extracts?|paragraphs?|articles?|snippets?|search results?"
    r"|(?:provided|given|these|your|both) (?:sources|materials?)|sentence)\b"
)
SPEAKS_WORDS = (
    "passage passages text texts context contexts document documents excerpt excerpts extract extracts paragraph"
    " paragraphs article articles snippet snippets results result sources material materials sentence mentioned"
    " mentions"
    " state stated specified provided indicated disclosed answered addressed touched covered clarified discussed"
    " explained"
    " revealed reported recorded noted supplied said named described listed quoted"
)
GIVEN = r"(?:provided|given|supplied|available|retrieved|above|following|presented|shown|attached|listed)"
TEXT_SHOWN = rf"(?:{TEXT}(?! of\b|-))"
INFO = r"(?:information|info|data|evidence|details?|content|knowledge)"
KIND = rf"(?:{GIVEN}|first|second|third|fourth|fifth|last|other|two|three|four|five|\d+|entire|whole|same|current)"
SHOWN = (
    r"(?:(?:\b(?:the|this|that|these|those|both|your|my|each|of|all)|^(?:(?:but|and|as|that|because|since|so|sorry"
    rf"|although|though|even though|while|unfortunately|afraid) )?)(?: ?\b{KIND}){{0,3}} ?\b(?:(?!original\b)\w+"
    rf" )?{TEXT_SHOWN}"
    rf"|\b{GIVEN} {INFO}|\b{INFO} {GIVEN}|\btraining data)\b"
    # words allowed before the verb; a relative clause ("the documents that he stole") is not
    rf"(?: (?:\d+|and|or|nor|{TEXT_SHOWN}|{GIVEN}|i|we|you|me|us|was|were|have|has|been|gave|sent|shared|with"
    rf"|here|alone|i've|you've|got"
    rf"|in front of me|(?:about|on|in|from) (?:[\w'-]+ ){{0,7}}?[\w'-]+)){{0,6}}?{LY}{{0,2}}"
)
IN_SHOWN = rf"(?:in|by|from|within|among|on|with|of) (?:[\w']+ ){{0,4}}?(?:{TEXT_SHOWN}|{INFO})\b"
TELL = (
    r"(?:(?:ment|stat|specif|contain|provid|includ|giv|offer|answer|reveal|indicat|address|discuss|cover|list|nam"
    r"|identif|describ|explain|show|refer|support|suggest|clarif|mak|talk|speak|deal|touch|disclos|report|record"
    r"|compar|allow(?! it\b| that\b)|help|detail|point|confirm|comment|suppl|elaborat)\w*|say|says|tells?|told|knows?"
    r"|go into|have|has|hold|note|seem|appear|do so)"
)
TO_THE_POINT = r"(?:relevant|related|about|helpful|clear|specific|sufficient|enough|suitable|useful|explicit)"

# --- what is asked for, and verbs of telling and knowing
NEWS = (
    r"(?:information|info|details?|contexts?|data|mention|answers?|indication|references?|clues?|hint|knowledge|word"
    r"|sign|statement)"
)
LITTLE = r"(?:no|insufficient|too little|lack of|(?:not|n't)(?: \w+){0,2}? (?:any|enough|sufficient))"
TOLD = (
    r"(?:ment\w{3,8}|stated?|specified|provided|indicated|disclosed|answered|addressed|touched upon|covered|clarified"
    r"|discussed|explained|revealed|reported|recorded|noted|supplied|said)"
)
TO_BE_HAD = (
    r"(?:given|available|found|clear|named|listed|present|included|contained|described|there|identified|shown|known"
    r"|answerable|told|to be found|spelled out|dated|quoted|transcribed)"
)
KNOW = (
    r"(?:know|learn|no the|answer|tell|say|determine|sure|certain|able|find|have|provide|recall|remember|confirm"
    r"|aware|help"
    r"|assist|familiar|see|identify|give|locate|verify|recogni[sz]e|access|look|browse|figure|offer|comment|deduce"
    r"|infer|establish|guess|speculate|comply|share|make out|decide|hear)"
)
LEARN = r"(?:know|tell|say|answer|determine|identify|infer|decide|be sure|be certain|give)"
PROVIDE = (
    r"(?:know|tell|say|answer|determine|identify|infer|decide|be sure|be certain|give|provide|name|state|specify|offer"
    r"|work out|figure out|find out|find (?:the|an) (?:answer|information)|pin(?:point)?\b|estimate|calculate|conclude"
    r"|deduce|derive|establish|ascertain|verify|confirm|draw|respond|guess|discern|make out|extract)"
)
LEARNT = (
    r"(?:answer(?:ed|able)|determined?|inferred|deduced|ascertained|known|established|told|said|found|located"
    r"|identified|named|worked out|derived|concluded|given|provided|decided|verified|confirmed|resolved|settled)"
)
UNTOLD = (
    r"un(?:available|recorded|reported|explained|disclosed|identified|named|mentioned|specified|stated|answered"
    r"|answerable|said|clear|known|certain|determined)"
)
HERE = r"(?: here| anywhere| at all)?"
ASK = (
    r"(?:talking|asking|speaking|inquiring|enquiring|referring|refer|mean|interested|looking for|thinking of"
    r"|have in mind|want to know (?:about|the)|wish to know|want me to|need)"
)

# --- the speaker: "I" begins a clause or follows a word that does, unlike in "Elizabeth I did not marry"
BEFORE_I = (
    r"(?:^(?!that we )|\b(?:but|and|so|as|that|because|since|though|although|while|sorry|afraid|unfortunately"
    r"|regrettably|sadly"
    r"|however|therefore|honestly|hence|yet|or|regret|apologi[sz]e|admit|say|well|passages?|texts?|contexts?"
    r"|above|alone"
    rf"|given|provided|know|information|{WH}) )"
)
I_AM = (
    r"(?:i|we|one)(?:'m|'ve|'d|'re|m)?(?: (?:really|also|still|do|just|am|are|have|would|must|had|been|was|were"
    r"|currently|simply|therefore|thus|could))*"
)
# people in general, not the speaker: "We cannot see ultraviolet light"
MANKIND = r"(?:we|one)\b[\w' ]*? (?:see|have|give|find|hear)\b(?! (?:any|enough|the answer)\b)"

# --- words that rules need
NEGATIVE_WORDS = "t not never cannot cant dont doesnt didnt isnt wasnt couldnt arent"
NO_WORDS = "no none nothing neither nowhere nobody"
SPEAKER_WORDS = "i we one im"
TEXT_WORDS = (
    "passage passages text texts context contexts document documents source sources excerpt excerpts extract extracts"
    " paragraph paragraphs article articles snippet snippets material materials result results information info data"
    " evidence detail details content knowledge"
)
NEWS_WORDS = (
    "information info detail details context contexts data mention answer answers indication reference references clue"
    " clues hint knowledge word sign statement"
)
ASKED_WORDS = (
    f"{NEWS_WORDS} question questions name names title titles date dates day days month months year years time times"
    " place places identity location locations number numbers age ages reason reasons amount amounts figure figures"
    " cost price height length depth width size weight origin meaning nationality speed score"
)
UNTOLD_WORDS = (
    "unnamed unmentioned unspecified unstated unanswered unanswerable unsaid unclear unknown uncertain undetermined"
    " unavailable unexplained unrecorded unreported"
)
