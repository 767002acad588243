"""The lenient match: what a gold answer asks for, and whether a text states it as people would judge."""
