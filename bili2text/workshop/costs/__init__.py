"""What a training takes, computed before it is begun."""
