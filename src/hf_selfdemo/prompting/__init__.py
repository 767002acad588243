"""From questions and passages to the tokens of a prompt: templates, wordings, chat templates."""
