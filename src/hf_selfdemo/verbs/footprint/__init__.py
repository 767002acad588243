"""Estimate the memory and computation of a model from its configuration, without loading it."""
