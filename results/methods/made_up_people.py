"""Made-up people: a text of five sentences about each person, and a question about every sentence.

The order of the sentences is drawn for each person. So a kind of fact is equally likely at every place, and a
difference between places is not one between kinds. Only the title of the text names the person.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_FIRST = (
    "Mira Oskar Lenka Tobin Yara Casper Imke Rolf Selma Bruno Petra Anselm Noor Viggo Greta Matteo Hanne Iskra Lorcan "
    "Odile Rasmus Tilda Ewan Zofia"
)
_LAST = (
    "Dolan Hasek Brandt Ferrow Quist Lindell Marek Tannis Orlow Pelham Ruiz Sandhu Teller Umber Vane Wickes Yarrow "
    "Zeller Abner Corvin"
)


@dataclass(frozen=True)
class Kind:
    """A kind of fact: the templates of its sentence and its question, and its possible values, separated by spaces."""

    sentence: str
    question: str
    listed: str

    @property
    def values(self) -> list[str]:
        return self.listed.split()


KINDS = {
    "city": Kind(
        "The home town is {}.",
        "What is the home town of {}?",
        (
            "Oslo Lima Cairo Dublin Madrid Vienna Prague Athens Warsaw Lisbon Toronto Boston Seattle Denver Mumbai "
            "Sydney Berlin Moscow Tokyo Chicago"
        ),
    ),
    "work": Kind(
        "The job is that of a {}.",
        "What is the job of {}?",
        (
            "baker nurse pilot farmer lawyer teacher plumber dentist waiter sailor painter barber tailor miner florist "
            "judge butcher jeweller librarian carpenter"
        ),
    ),
    "animal": Kind(
        "The pet at home is a {}.",
        "What is the pet of {}?",
        (
            "dog cat parrot rabbit hamster turtle snake lizard horse goat pig duck goose ferret canary mouse frog "
            "spider donkey pigeon"
        ),
    ),
    "music": Kind(
        "The instrument played on Sundays is the {}.",
        "Which instrument does {} play?",
        (
            "violin piano guitar flute trumpet cello harp drum clarinet banjo organ saxophone trombone oboe tuba viola "
            "mandolin accordion bagpipe ukulele"
        ),
    ),
    "dish": Kind(
        "The best-loved dish is {}.",
        "What is the favourite dish of {}?",
        (
            "pizza soup rice salad curry sushi pasta stew bread cheese pancakes noodles beans fish chicken dumplings "
            "omelette sandwiches lasagne porridge"
        ),
    ),
}
PLACES = range(1, len(KINDS) + 1)
"""Places of a sentence in its text, from 1."""


@dataclass(frozen=True)
class Fact:
    """The fact that a sentence states: its kind and its value."""

    kind: str
    value: str


@dataclass(frozen=True)
class Person:
    """A person: the name, and the facts in the order of the text."""

    name: str
    facts: tuple[Fact, ...]

    @property
    def text(self) -> str:
        """The sentences about the person.

        Example:
            >>> Person("Mira Dolan", (Fact("city", "Oslo"), Fact("animal", "cat"))).text
            'The home town is Oslo. The pet at home is a cat.'
        """
        return " ".join(KINDS[fact.kind].sentence.format(fact.value) for fact in self.facts)

    def question(self, fact: Fact) -> str:
        """The question about a fact.

        Example:
            >>> Person("Mira Dolan", ()).question(Fact("city", "Oslo"))
            'What is the home town of Mira Dolan?'
        """
        return KINDS[fact.kind].question.format(self.name)


def people(count: int, seed: int) -> list[Person]:
    """Draw people with different names.

    Args:
        count: the number of people, at most 480.
        seed: seed of names, values and orders.
    """
    rng = random.Random(seed)
    names = rng.sample([f"{first} {last}" for first in _FIRST.split() for last in _LAST.split()], count)
    return [Person(name, tuple(_facts(rng))) for name in names]


def _facts(rng: random.Random) -> list[Fact]:
    return [Fact(kind, rng.choice(KINDS[kind].values)) for kind in rng.sample(list(KINDS), len(KINDS))]
