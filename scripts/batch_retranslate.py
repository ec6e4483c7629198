"""`python scripts/batch_retranslate.py CONFIG.json [options of bili2text translate]`.

CONFIG.json: {"tasks": [...], "model_path": optional, "num_processes": 1}; docs/translation.md has all of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from cli.main import main as run  # noqa: E402 - it is found only now


def main() -> None:
    """Run `bili2text translate --config CONFIG.json`."""
    sys.argv[1:] = ["translate", "--config", *sys.argv[1:]] if len(sys.argv) > 1 else ["translate", "--help"]
    run()


if __name__ == "__main__":
    main()
