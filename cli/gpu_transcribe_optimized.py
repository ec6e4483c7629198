"""`python cli/gpu_transcribe_optimized.py --url ...`: the largest model that a small card can hold.

int8 weights, one window at a time, one candidate: the least memory each model can run in, tried on the best
model first, before giving up to a smaller one. What is said on the command line comes before these.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __package__ in (None, ""):
    # run by its path: Python put cli/ on the path, where the packages are not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from cli.main import main as run

LEAST = ("gpu-transcribe", "--prefer", "quality", "--use-int8", "--batch-size", "1", "--best-of", "1")


def main() -> None:
    """Run gpu-transcribe with these options before the user's own."""
    sys.argv[1:1] = LEAST
    run()


if __name__ == "__main__":
    main()
