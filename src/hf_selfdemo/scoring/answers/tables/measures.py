"""Months, currencies and units of measure."""

from __future__ import annotations

from hf_selfdemo.scoring.answers.tables.rows import each

_MONTHS = "january february march april may june july august september october november december"
MONTHS = {name: number for number, name in enumerate(_MONTHS.split(), 1)}

CURRENCIES = each("dollar pound sterling euro rupee yen")

MEASURES = CURRENCIES | each(
    """am pm kilometre metre centimetre millimetre micrometre foot mile inch ounce kilogram gram milligram millilitre
    litre year hour minute second day week month percent degree acre gallon ton tonne cent celsius fahrenheit
    kelvin"""
)
"""Units of measure, currencies included. The same number with a different unit is a different amount."""

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
"""Maps a unit to its size in a smaller unit and the name of that unit, if the conversion is exact and common."""

VAGUE = {"celsius": "degree", "fahrenheit": "degree", "kelvin": "degree", "sterling": "pound"}
"""Maps a unit to the shorter name that people use for it, e.g. "celsius" to "degree"."""

UNITS = MEASURES | each("episode season time square cubic people volt watt bit byte chapter page")
"""Words that may stand beside the number in an answer that is an amount."""
