"""From chunks of speech to a transcript."""
