"""What scripts/soak does to a recording that is being transcribed."""
