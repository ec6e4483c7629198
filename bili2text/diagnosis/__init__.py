"""What is here, whether it works, what to run on it, and what would give more."""
