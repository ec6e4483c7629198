"""`python cli/gpu_transcribe_optimized.py --url ...`: the largest model that a small card can hold.

int8 weights, one window at a time, one candidate: the least memory each model can run in, tried on the best
model first, before giving up to a smaller one. What is said on the command line, or in the settings, comes
before these.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __package__ in (None, ""):
    # run by its path: Python put cli/ on the path, where the packages are not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from cli.gpu_transcribe import command
from cli.main import run

# `prefer` is the default's; it is here because the order of models is the point
SMALLEST = {"prefer": "quality", "use_int8": True, "batch_size": 1, "best_of": 1}


def main() -> None:
    """Run gpu-transcribe with other defaults."""
    for parameter in command.params:
        if parameter.name in SMALLEST:
            parameter.default = SMALLEST[parameter.name]
    run(command)


if __name__ == "__main__":
    main()
