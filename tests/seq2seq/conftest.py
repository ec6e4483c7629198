"""What the tests of vocabularies share."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for qwen_form
sys.path.insert(0, str(HERE.parent / "workshop"))  # for hsk, the real pairs
