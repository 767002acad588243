"""Exports of an evaluation to other tools: the same rows and prompts, and where possible the same scores."""
