"""One list on many machines: Ray moves the work, fsspec keeps the results, one driver keeps the list."""
