"""A package, unlike its neighbours: its `conftest.py` is found before theirs and the root's, and must not be taken for
one of them when doctests are collected."""
