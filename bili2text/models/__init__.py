"""Which Whisper models exist, where they lie, and how they get here unharmed."""
