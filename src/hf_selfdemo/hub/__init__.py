"""What a run leaves, as repositories on the Hub that a stranger can use."""
