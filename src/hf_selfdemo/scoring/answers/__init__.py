"""Whether people would call a prediction right: what an accepted answer asks for, and whether a text states it."""
