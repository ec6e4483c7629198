"""Parts of gpu_workshop.py: what is measured, each row in a process of its own, and how it is told."""
