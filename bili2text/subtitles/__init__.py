"""From a transcript to subtitle files."""
