"""What is a right answer, what is a refusal, and what follows from counting them. Standard library only."""
