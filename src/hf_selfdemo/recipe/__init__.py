"""A recipe: its keys, how they are read and checked, and the objects that they name."""
