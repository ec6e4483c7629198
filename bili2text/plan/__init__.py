"""The decision: which model, precision, batch and beam run here."""
