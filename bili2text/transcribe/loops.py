"""What a text says over and over. Pure but for numpy.

The model's confidence does not show a loop: it is surer of each turn (SYSTRAN/faster-whisper#506). What
shows it is the repetition itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

_TURNS = 3  # twice is a figure of speech


def looped(plain: str) -> int:
    """Return how many letters merely say again, without a break, the ones just before them.

    The longest run in which something of any length comes at least three times, without its first turn.
    """
    codes = np.array([ord(one) for one in plain], np.int32)
    longest = 0
    for period in range(1, len(codes) // _TURNS + 1):
        run = _longest_run(codes[period:] == codes[:-period])
        if run >= (_TURNS - 1) * period:
            longest = max(longest, run)
    return longest


def _longest_run(same: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """Return the length of the longest stretch of True."""
    breaks = np.flatnonzero(~same)
    edges = np.concatenate([[-1], breaks, [len(same)]])
    return int(np.max(np.diff(edges)) - 1)


def same_said(texts: Iterable[str], shortest: int) -> int:
    """Return how often the commonest of the texts comes; those under `shortest` letters do not count."""
    counted = Counter(one for one in texts if len(one) >= shortest)
    return max(counted.values(), default=0)
