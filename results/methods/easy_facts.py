"""Easy questions that a small model may be able to answer from memory."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

_CAPITALS = """
France Paris, Italy Rome, Spain Madrid, Germany Berlin, Japan Tokyo, China Beijing, Russia Moscow, Egypt Cairo,
England London, Greece Athens, Ireland Dublin, Austria Vienna, Portugal Lisbon, Poland Warsaw, Norway Oslo,
Sweden Stockholm, Denmark Copenhagen, Finland Helsinki, Hungary Budapest, Belgium Brussels, Cuba Havana, Peru Lima,
Chile Santiago, Canada Ottawa, Australia Canberra, India Delhi, Iran Tehran, Iraq Baghdad, Turkey Ankara, Kenya Nairobi,
Thailand Bangkok, Vietnam Hanoi, Scotland Edinburgh, Wales Cardiff, Romania Bucharest, Bulgaria Sofia, Serbia Belgrade,
Croatia Zagreb, Ukraine Kyiv, Lebanon Beirut, Syria Damascus, Jordan Amman, Morocco Rabat, Ghana Accra, Nepal Kathmandu,
Argentina Buenos_Aires, Colombia Bogota, Venezuela Caracas, Mexico Mexico_City, Iceland Reykjavik, Indonesia Jakarta
"""
_OPPOSITES = """
hot cold, big small, up down, black white, day night, happy sad, fast slow, good bad, old new, open closed, rich poor,
high low, long short, hard soft, wet dry, left right, light dark, strong weak, full empty, early late, love hate,
win lose, true false, inside outside, above below, north south, east west, first last, clean dirty, young old
"""
_LANGUAGES = """
France French, Germany German, Italy Italian, Spain Spanish, Japan Japanese, China Chinese, Russia Russian,
Portugal Portuguese, Greece Greek, Poland Polish, Sweden Swedish, Denmark Danish, Finland Finnish, Turkey Turkish,
Hungary Hungarian, Brazil Portuguese, Mexico Spanish, Egypt Arabic, Netherlands Dutch, Norway Norwegian
"""
_CONTINENTS = """
France Europe, Germany Europe, Japan Asia, China Asia, India Asia, Egypt Africa, Kenya Africa, Nigeria Africa,
Brazil South_America, Peru South_America, Chile South_America, Canada North_America, Mexico North_America, Italy Europe,
Spain Europe, Thailand Asia, Vietnam Asia, Ghana Africa, Poland Europe, Sweden Europe
"""
_NEXT = {
    "Which day comes after {}?": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "Which month comes after {}?": "January February March April May June July August September October "
    "November December",
    "Which letter of the alphabet comes after {}?": "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
}
_TABLES = {
    "What is the capital of {}?": _CAPITALS,
    "What is the opposite of {}?": _OPPOSITES,
    "Which language is spoken in {}?": _LANGUAGES,
    "On which continent is {}?": _CONTINENTS,
}


def easy_facts() -> list[dict[str, Any]]:
    """The questions, as the rows of a file of questions.

    Example:
        >>> easy_facts()[0]["question"], easy_facts()[0]["answers"]
        ('What is the capital of France?', ['Paris'])
    """
    pairs = [
        (question, *entry.split())
        for question, table in _TABLES.items()
        for entry in table.replace("\n", " ").strip().split(",")
    ]
    rows = [*pairs, *((question, a, b) for question, row in _NEXT.items() for a, b in pairwise(row.split()))]
    return [
        {
            "id": f"easy-{number}",
            "question": question.format(asked),
            "answers": [answer.replace("_", " ")],
            "source": "easy",
            "answerable": True,
        }
        for number, (question, asked, answer) in enumerate(rows)
    ]
