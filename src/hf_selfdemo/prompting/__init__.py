"""Turns questions and passages into the tokens of a prompt: prompt templates, instructions, chat templates."""
