"""Equivalent words: abbreviations, short names, American spellings, and peoples with their countries."""

from __future__ import annotations

from hf_selfdemo.scoring.answers.tables.rows import each, rows

SAME = rows("""
        january: jan
        february: feb
        march: mar
        april: apr
        june: jun
        july: jul
        august: aug
        september: sep, sept
        october: oct
        november: nov
        december: dec
        kilometre: km, kms, kilometer, kilometers
        metre: meter, meters
        centimetre: cm, cms, centimeter, centimeters
        millimetre: mm, millimeter, millimeters
        micrometre: micrometer, micrometers, micron, microns
        foot: ft, feet
        mile: mi
        pound: lb, lbs
        ounce: oz
        kilogram: kg, kgs, kilo, kilos
        milligram: mg
        millilitre: ml, milliliter, milliliters
        litre: liter, liters
        year: yr, yrs
        hour: hr, hrs
        minute: min, mins
        kilometre hour: kmh, kph
        mile hour: mph
        dollar: $, usd, us$
        sterling: £, gbp
        euro: €, eur
        rupee: ₹, inr, rs
        yen: ¥, jpy
        percent: %, percentage, pct
        degree: °, deg
        and: &
        bc: bce
        ad: ce
        usa: us, america
        uk: britain, gb
        united arab emirates: uae
        united nations: un
        european union: eu
        new york: ny
        new york city: nyc
        los angeles: la
        washington dc: dc
        world war #1: wwi, ww1
        world war #2: wwii, ww2
        saint: st, ste
        mount: mt
        television: tv, telly
        junior: jr
        senior: sr
        doctor: dr
        president: pres
        governor: gov
        senator: sen
        general: gen
        captain: capt
        lieutenant: lt
        sergeant: sgt
        professor: prof
        company: co
        corporation: corp
        incorporated: inc
        limited: ltd
        department: dept
        versus: vs
        child: children
        man: men
        woman: women
        person: people
        tooth: teeth
        mouse: mice
        goose: geese
        wolf: wolves
        life: lives
        leaf: leaves
        half: 1⁄2
        #1 time: once
        #2 time: twice
        colour: color
        centre: center
        theatre: theater
        defence: defense
        harbour: harbor
        labour: labor
        grey: gray
        film: movie, films, movies
        """)
"""Maps abbreviations, units, American spellings and irregular plurals to their canonical words."""

UNIT_LETTERS = {"m": "metre", "g": "gram", "l": "litre", "h": "hour", "s": "second"}
"""Letters that are units after a number and initials elsewhere."""

CAPITALS = each("la un")
"""Abbreviations that are ordinary words when in lower case."""

JOINED = {
    ("united", "state"): "usa",
    ("united", "kingdom"): "uk",
    ("great", "uk"): "uk",
    ("soviet", "union"): "ussr",
    ("north", "usa"): "northamerica",
    ("south", "usa"): "southamerica",
    ("latin", "usa"): "latinamerica",
    ("central", "usa"): "centralamerica",
    ("one", "half"): "half",
    ("pound", "sterling"): "sterling",
    ("degree", "celsius"): "celsius",
    ("degree", "c"): "celsius",
    ("degree", "fahrenheit"): "fahrenheit",
    ("degree", "f"): "fahrenheit",
    ("degree", "kelvin"): "kelvin",
}
"""Maps pairs of adjacent canonical words to the single word that they form."""

STATES = rows("""
    alabama: al, ala
    arizona: az, ariz
    arkansas: ark
    california: ca, calif
    colorado: colo
    connecticut: ct, conn
    delaware: de, del
    florida: fl, fla
    georgia: ga
    illinois: il, ill
    indiana: ind
    kansas: ks, kan
    kentucky: ky
    louisiana: la
    massachusetts: ma, mass
    maryland: md
    michigan: mi, mich
    minnesota: mn, minn
    missouri: mo
    mississippi: ms
    montana: mt, mont
    north carolina: nc
    nebraska: neb
    new jersey: nj
    new mexico: nm
    nevada: nv, nev
    ohio: oh
    oklahoma: okla
    oregon: ore
    pennsylvania: pa, penn
    south carolina: sc
    tennessee: tn, tenn
    texas: tx, tex
    utah: ut
    virginia: va
    vermont: vt
    washington: wa, wash
    wisconsin: wi, wis
    west virginia: wv
    wyoming: wy, wyo
    """)
"""Maps abbreviations to US states. They mean a state only after a comma or when they stand alone."""

DEMONYMS = rows("""
    england: english, englishman
    scotland: scottish, scot, scotch
    wales: welsh
    ireland: irish
    uk: british, briton
    usa: american
    france: french
    spain: spanish, spaniard
    germany: german
    italy: italian
    greece: greek
    rome: roman
    china: chinese
    japan: japanese
    portugal: portuguese
    netherlands: dutch
    denmark: danish, dane
    sweden: swedish, swede
    norway: norwegian
    finland: finnish
    poland: polish
    turkey: turkish, turk
    switzerland: swiss
    russia: russian
    egypt: egyptian
    israel: israeli
    brazil: brazilian
    mexico: mexican
    canada: canadian
    europe: european
    africa: african
    asia: asian
    """)
"""Maps peoples and languages to their country."""
