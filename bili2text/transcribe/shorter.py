"""How much silence follows the sound of a short window: less than 30 s is enough, and costs less. Pure.

Whisper was trained on windows of 30 s. Its encoder takes shorter ones; right after the sound they end in
invented text, 3 s later they do not, and Chinese loses less than in the whole window (docs/benchmark.md).
"""

from __future__ import annotations

from bisect import bisect_left

WIDEST = 512  # of the models it was measured with, tiny and base; larger ones hear whole windows
WHOLE = 3000  # frames of log-mel in a window of 30 s
HOP = 160  # samples a frame
_SILENCE = 300  # frames after the sound
# Few lengths: only windows of one length are decoded together
_LENGTHS = (1000, 1500, 2000, 2500, WHOLE)


def frames(samples: int) -> int:
    """Return the frames of log-mel for a window with so many samples (16 kHz) of sound."""
    wanted = -(-samples // HOP) + _SILENCE
    return _LENGTHS[min(bisect_left(_LENGTHS, wanted), len(_LENGTHS) - 1)]
