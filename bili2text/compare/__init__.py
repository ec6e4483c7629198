"""Two translators on one transcript: shown blind, voted on, measured."""
