"""What a run has done so far, kept so that a later run goes on from there."""
