"""Checks whether training made a model worse at other tasks: multiple choice, and the likelihood of its old replies."""
