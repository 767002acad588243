"""How the tables are written down: words between blanks, rows of variants."""

from __future__ import annotations


def each(text: str) -> frozenset[str]:
    """The words of a text, as a set.

    Example:
        >>> sorted(each("an a the"))
        ['a', 'an', 'the']
    """
    return frozenset(text.split())


def rows(text: str) -> dict[str, str]:
    """Each row is `canonical: variant, variant, ...`; the answer maps every variant to the canonical words."""
    table = {}
    for row in text.strip().splitlines():
        canonical, variants = row.split(":")
        table.update({variant.strip(): canonical.strip() for variant in variants.split(",")})
    return table
