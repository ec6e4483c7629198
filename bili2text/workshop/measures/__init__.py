"""What a trained translator is worth, and the best of several."""
