"""Parsers for the tables: lists of words and rows of variants."""

from __future__ import annotations


def each(text: str) -> frozenset[str]:
    """The set of whitespace-separated words in `text`.

    Example:
        >>> sorted(each("an a the"))
        ['a', 'an', 'the']
    """
    return frozenset(text.split())


def rows(text: str) -> dict[str, str]:
    """Map each variant to its canonical words, from lines of the form `canonical: variant, variant, ...`."""
    table = {}
    for row in text.strip().splitlines():
        canonical, variants = row.split(":")
        table.update({variant.strip(): canonical.strip() for variant in variants.split(",")})
    return table
