"""Small encoder-decoder translators: their vocabularies, and how they are run."""
