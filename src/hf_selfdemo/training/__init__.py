"""Structured rows to batches, and the thin trainer over TRL's."""
