"""What everybody knows about words, a file for each subject."""
