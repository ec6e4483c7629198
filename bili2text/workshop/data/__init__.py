"""Pairs of sentences: read, filtered, split, numbered."""
