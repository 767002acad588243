"""Which replies are correct, which abstain, and the figures computed from their counts. Standard library only, except
`roc` (numpy), fits and bounds (scikit-learn, scipy and numpy, imported where they are called)."""
