"""From what the user named (a link, a file, standard input) to media on disk."""
