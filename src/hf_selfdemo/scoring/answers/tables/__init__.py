"""Word lists for the lenient match, one module per subject."""
