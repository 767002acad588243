"""The evaluation for other tools: the same rows and prompts, and where they allow it the same scores."""
