"""Lists of recordings: what is in them, what became of each, and the run that goes on where one ended."""
