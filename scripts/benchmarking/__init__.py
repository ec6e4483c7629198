"""Parts of scripts/benchmark: this program beside its peers."""
