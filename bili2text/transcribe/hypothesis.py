"""One text of one window, and whether it is to be tried again at a higher temperature. Pure.

The thresholds and what they mean are openai-whisper's (`transcribe`, `decode_with_fallback`).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from bili2text.transcribe.engine import DecodeOptions


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The best text of one window at one temperature."""

    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float

    def silent(self, options: DecodeOptions) -> bool:
        """Return whether the model says that nobody speaks."""
        return (
            options.no_speech_threshold is not None
            and self.no_speech_prob > options.no_speech_threshold
            and (options.log_prob_threshold is None or self.avg_logprob < options.log_prob_threshold)
        )

    def fails(self, options: DecodeOptions) -> bool:
        """Return whether openai-whisper would try the next temperature: a loop, or an unlikely text."""
        if self.silent(options):
            return False
        loops = (
            options.compression_ratio_threshold is not None
            and self.compression_ratio > options.compression_ratio_threshold
        )
        unlikely = options.log_prob_threshold is not None and self.avg_logprob < options.log_prob_threshold
        return loops or unlikely


def likeliest(tried: Sequence[Hypothesis], options: DecodeOptions) -> Hypothesis:
    """Return the likeliest of all that were tried; of those that are no loop, where there are any."""
    limit = options.compression_ratio_threshold
    plain = [one for one in tried if limit is None or one.compression_ratio <= limit]
    return max(plain or tried, key=lambda one: one.avg_logprob)


def compression_ratio(text: str) -> float:
    """Return how much zlib shrinks the text; openai-whisper's sign of a loop above 2.4."""
    plain = text.encode("utf-8")
    return len(plain) / len(zlib.compress(plain))
