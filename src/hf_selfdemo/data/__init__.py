"""Reads questions and passages, retrieves passages, and writes the rows of a demonstration dataset."""
