"""Questions, passages, what is retrieved for them, and the rows of a demonstrations dataset."""
