"""Lines -> sentences -> what a model says of them, checked and mended -> lines."""
