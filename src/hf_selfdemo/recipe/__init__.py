"""Recipes: the options, how they are read and checked, and the objects that they name."""
