"""Words of one kind that exclude each other, and words that people interchange."""

from __future__ import annotations

from hf_selfdemo.scoring.answers.tables.rows import each

COLOURS = each("black blue brown gold golden gray green grey orange pink purple red silver violet white yellow")

_KINDS = """
    left right
    upper middle lower
    inner middle outer
    top bottom
    front rear
    anterior posterior lateral medial
    superior inferior
    internal external
    north south east west
    northern southern eastern western central
    northeastern northwestern southeastern southwestern
    first last
    old new
    big large little small
    early middle late
    major minor
    direct indirect
    positive negative
    primary secondary tertiary
    male female
    king queen prince princess emperor empress duke duchess
    elder younger
    senior junior
    united city town county athletic rover wanderer albion ranger
    niger nigeria
    physician physicist
"""
CONTRASTS: dict[str, set[str]] = {}
"""Maps each word to the words that contradict it, e.g. "left" to "right"."""

for _kind in map(str.split, _KINDS.strip().splitlines()):
    for _word in _kind:
        CONTRASTS.setdefault(_word, set()).update(set(_kind) - {_word})

ALIKE = tuple(
    map(
        each,
        (
            "empire kingdom dynasty republic state government union federation",
            "city town county state area region district province territory country metropolitan",
            "university college school",
            "company corporation incorporated limited group",
            "band team club group",
            "law act bill",
            "process method type kind form system",
            "film series show song album book novel play game season",
        ),
    )
)
"""Groups of nouns that people interchange after a name, e.g. "Gupta dynasty" for "Gupta empire"."""

RELATIONS = each("beneath below under underneath inside within outside near beside adjacent close just directly every")
"""Words of place or quantity, which people paraphrase freely."""
