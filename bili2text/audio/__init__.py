"""From a media file to chunks of 16 kHz mono speech."""
