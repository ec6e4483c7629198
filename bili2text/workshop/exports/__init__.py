"""A trained translator for other engines and devices."""
