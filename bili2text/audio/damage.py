"""What is missing from a recording, or was put right in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Damage:
    """What the decoder could not give back. Falsy when the recording is whole.

    A decoder may hide damage inside a packet so well that nothing shows; that is not counted.
    """

    bad_packets: int = 0  # packets that could not be decoded or read
    gaps: int = 0  # holes in the time line
    lost_seconds: float = 0.0  # of silence put where sound is missing
    truncated_seconds: float = 0.0  # missing at the end, by what the file says of itself
    non_finite_samples: int = 0  # NaN and infinite ones, now 0

    @property
    def seconds(self) -> float:
        """How much of the recording is missing."""
        return self.lost_seconds + self.truncated_seconds

    def __bool__(self) -> bool:
        return bool(self.bad_packets or self.gaps or self.truncated_seconds or self.non_finite_samples)

    def describe(self) -> str:
        """Return one line for a person, or "" for a whole recording."""
        parts = []
        if self.lost_seconds or self.gaps:
            parts.append(f"{self.lost_seconds:.1f} s missing in {_count(self.gaps, 'place')}, now silence")
        if self.truncated_seconds:
            parts.append(f"{self.truncated_seconds:.1f} s missing at the end")
        if self.bad_packets:
            parts.append(_count(self.bad_packets, "unreadable packet"))
        if self.non_finite_samples:
            parts.append(_count(self.non_finite_samples, "sample") + " without a value")
        return "damaged: " + "; ".join(parts) if parts else ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
