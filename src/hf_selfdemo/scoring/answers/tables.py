"""What everybody knows about words: which of them mean the same, and which of them say little."""

from __future__ import annotations


def each(text: str) -> frozenset[str]:
    """The words of a text, as a set.

    Example:
        >>> sorted(each("an a the"))
        ['a', 'an', 'the']
    """
    return frozenset(text.split())


def _rows(text: str) -> dict[str, str]:
    """Each row is `canonical: variant, variant, ...`; the answer maps every variant to the canonical words."""
    table = {}
    for row in text.strip().splitlines():
        canonical, variants = row.split(":")
        table.update({variant.strip(): canonical.strip() for variant in variants.split(",")})
    return table


_MONTHS = "january february march april may june july august september october november december"
MONTHS = {name: number for number, name in enumerate(_MONTHS.split(), 1)}

SAME = _rows("""
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
        pound sterling: £, gbp
        euro: €, eur
        rupee: ₹, inr, rs
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
"""Abbreviations, units, American spellings and irregular plurals."""

UNIT_LETTERS = {"m": "metre", "g": "gram", "l": "litre", "h": "hour", "s": "second"}
"""Letters that are units after a number, and initials elsewhere."""

CAPITALS = each("la un")
"""Abbreviations that are words of their own in small letters."""

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
}
"""Names of two words that are one, by their canonical words."""

STATES = _rows("""
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
"""Short forms of the states of the USA, which mean a state only after a comma or where nothing else stands."""

DEMONYMS = _rows("""
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
"""Peoples and languages, by their country."""

STOPWORDS = each(
    """a an the of in on at to for from by with and or as is are was were be been being am it its his her their our my
    your this that these those there he she they we i you do does did done has have had having would could will can may
    might shall should must into onto upon about around approximately approx roughly nearly almost circa c ca some any
    such each other others during between among within than then so if but also very just only per via s up out over
    under off down more less most least what who whom whose which when where why how not no because while both"""
)
"""Words that say nothing about an answer."""

GENERIC = each(
    """city town county state country nation river lake sea ocean mountain island street road avenue park building
    university college school church company corporation incorporated limited group band team club party government
    empire kingdom dynasty republic union federation act law bill system process method type kind form part area region
    district province territory side number amount name person man woman child character series show season episode film
    song album book novel play game member player actor actress singer songwriter musician artist author writer poet
    director producer professor doctor mr mrs ms miss sir lord lady king queen prince princess emperor president prime
    minister chancellor governor senator general captain lieutenant sergeant justice judge pope saint american british
    english french german rock pop country united state kingdom first second last new old great big large small main
    major early late mid middle time year day month week century era period place location world thing way use called
    known located based national international central north south east west northern southern eastern western one
    approximately following various several many different certain used using made make several level order line point
    unit cell body metropolitan star"""
)
"""Words that many answers have in common: a match of these alone proves little."""

COLOURS = each("black blue brown gold golden gray green grey orange pink purple red silver violet white yellow")

CURRENCIES = each("dollar pound euro rupee yen")

MEASURES = CURRENCIES | each(
    """am pm kilometre metre centimetre millimetre micrometre foot mile inch ounce kilogram gram milligram millilitre
    litre year hour minute second day week month percent degree acre gallon ton tonne cent"""
)
"""Units of measure: the same number of another one is another amount."""

SIZES = {
    "millimetre": (1, "millimetre"),
    "centimetre": (10, "millimetre"),
    "metre": (1000, "millimetre"),
    "kilometre": (1_000_000, "millimetre"),
    "milligram": (1, "milligram"),
    "gram": (1000, "milligram"),
    "kilogram": (1_000_000, "milligram"),
    "tonne": (1_000_000_000, "milligram"),
    "millilitre": (1, "millilitre"),
    "litre": (1000, "millilitre"),
    "second": (1, "second"),
    "minute": (60, "second"),
    "hour": (3600, "second"),
    "day": (86_400, "second"),
    "week": (604_800, "second"),
    "month": (1, "month"),
    "year": (12, "month"),
}
"""How many of which smaller unit a unit holds, where that is exact and people count so."""

UNITS = MEASURES | each(
    "episode season time square cubic people sterling kelvin celsius fahrenheit volt watt bit byte chapter page"
)
"""What stands beside a number without being the answer."""

TITLES = each(
    """mr mrs ms miss mister madam sir dame lord lady doctor professor president governor senator congressman
    congresswoman representative justice judge chief king queen prince princess emperor pope saint reverend rev father
    mother brother sister general colonel major captain lieutenant sergeant admiral commander actor actress singer
    songwriter musician rapper author writer poet director producer coach physicist chemist scientist mathematician
    maestro prime vice minister chancellor mayor baron count duke earl hon honourable honorable former american british
    english"""
)
"""What stands before a name without being part of it."""

PARTICLES = each("von van der den de da di del della dos du le la el al bin ibn")
"""Small words within names."""

SUFFIXES = each("junior senior #2 #3 #4 #5 esq phd md")
"""What stands after a name without being its surname."""

NICKNAMES = """
    david: dave davey
    william: bill will billy willie liam
    robert: bob rob bobby robbie bert
    richard: rick dick ricky rich
    james: jim jimmy jamie
    john: jack johnny jon johnnie
    jonathan: jon johnny
    michael: mike mickey mick
    thomas: tom tommy
    charles: charlie chuck
    edward: ed eddie ted ned
    joseph: joe joey
    anthony: tony
    daniel: dan danny
    samuel: sam sammy
    benjamin: ben benny
    alexander: alex sandy
    nicholas: nick nicky
    christopher: chris kit
    matthew: matt
    andrew: andy drew
    stephen: steve steven
    steven: steve
    patrick: pat paddy
    peter: pete
    gregory: greg
    jeffrey: jeff
    kenneth: ken kenny
    lawrence: larry
    leonard: len lenny leo
    ronald: ron ronnie
    raymond: ray
    donald: don donnie
    frederick: fred freddie
    henry: harry hank
    theodore: ted teddy
    walter: walt
    elizabeth: liz beth betty eliza lisa lizzy
    margaret: maggie meg peggy
    katherine: kate kathy katie
    catherine: cathy kate
    rebecca: becky
    jennifer: jen jenny
    susan: sue
    deborah: debbie deb
    patricia: pat patty
    victoria: vicky
"""
"""Given names with their short forms."""
