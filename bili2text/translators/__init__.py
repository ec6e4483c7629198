"""The models that translate: which there are, which one fits, and how each is run."""
