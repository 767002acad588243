"""Stop words, and generic words that carry little weight in an answer."""

from __future__ import annotations

from hf_selfdemo.scoring.answers.tables.rows import each

STOPWORDS = each(
    """a an the of in on at to for from by with and or as is are was were be been being am it its his her their our my
    your this that these those there he she they we i you do does did done has have had having would could will can may
    might shall should must into onto upon about around approximately approx roughly nearly almost circa c ca some any
    such each other others during between among within than then so if but also very just only per via s up out over
    under off down more less most least what who whom whose which when where why how not no because while both"""
)
"""Stop words, which carry no weight in an answer."""

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
"""Words that many answers share, so that a match of these alone proves little."""
