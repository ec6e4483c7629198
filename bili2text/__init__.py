"""From a link to subtitles on the GPU you have, or none. Importing this loads nothing heavy."""

__version__ = "0.1.0"
