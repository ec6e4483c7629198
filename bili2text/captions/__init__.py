"""Lines of text with times, as files of every kind hold them."""
