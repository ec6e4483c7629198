"""Parts of scripts/gpu_acceptance.py: what a real card is asked, and by whom."""
