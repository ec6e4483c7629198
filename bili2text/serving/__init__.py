"""A translator that stays loaded, for whoever asks on this computer."""
