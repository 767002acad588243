"""Did training for one thing make a model worse at others? Multiple choice, and how likely its own words still are."""
