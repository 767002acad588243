"""What is a right answer, what is a refusal, and what follows from counting them. Standard library only, but for
fitting and bounding (scikit-learn and scipy, imported where they are called)."""
