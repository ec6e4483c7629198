"""`python cli/gpu_transcribe_optimized.py --url ...`: gpu-transcribe with the large model on a small card.

One window at a time, one candidate, int8 weights: the least memory the largest model can run in.
What is said on the command line, or in the settings, comes before these.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __package__ in (None, ""):
    # run by its path: Python put cli/ on the path, where the packages are not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from cli.gpu_transcribe import command
from cli.main import run

SMALLEST = {"model": "large-v3", "compute_type": "int8_float16", "batch_size": 1, "best_of": 1}


def main() -> None:
    """Run gpu-transcribe with other defaults."""
    for parameter in command.params:
        if parameter.name in SMALLEST:
            parameter.default = SMALLEST[parameter.name]
    run(command)


if __name__ == "__main__":
    main()
