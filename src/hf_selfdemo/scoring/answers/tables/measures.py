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

VAGUE = {"celsius": "degree", "fahrenheit": "degree", "kelvin": "degree", "sterling": "pound"}
"""Units that a shorter name may mean."""

UNITS = MEASURES | each("episode season time square cubic people volt watt bit byte chapter page")
"""What stands beside a number without being the answer."""
