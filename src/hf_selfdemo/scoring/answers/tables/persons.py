"""Titles, particles and suffixes of personal names, and short forms of given names."""

from __future__ import annotations

from hf_selfdemo.scoring.answers.tables.rows import each

TITLES = each(
    """mr mrs ms miss mister madam sir dame lord lady doctor professor president governor senator congressman
    congresswoman representative justice judge chief king queen prince princess emperor pope saint reverend rev father
    mother brother sister general colonel major captain lieutenant sergeant admiral commander actor actress singer
    songwriter musician rapper author writer poet director producer coach physicist chemist scientist mathematician
    maestro prime vice minister chancellor mayor baron count duke earl hon honourable honorable former american british
    english"""
)
"""Words that may precede a name without being part of it."""

PARTICLES = each("von van der den de da di del della dos du le la el al bin ibn")
"""Particles within names, e.g. "van" and "de"."""

SUFFIXES = each("junior senior #2 #3 #4 #5 esq phd md")
"""Words that may follow a surname, e.g. "junior"."""

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
"""Given names and their short forms, one name a line."""
