"""Where the sound comes from: a link, a Bilibili id, a file or standard input."""
