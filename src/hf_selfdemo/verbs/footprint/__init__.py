"""What a model needs before it is loaded: memory and arithmetic, from its configuration alone."""
