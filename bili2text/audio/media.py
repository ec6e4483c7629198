"""What a media file says of itself, and what no file may say. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What no honest recording exceeds. They keep a crafted file from taking the machine."""

    max_bytes: int = 1 << 40
    max_seconds: float = 100 * 3600.0
    min_rate: int = 4_000  # samples a second
    max_rate: int = 768_000
    max_channels: int = 64
    min_density: float = 8.0  # bytes a second; silent FLAC and WavPack have 40 and more
    max_barren: int = 1 << 27  # bytes read without finding one packet; libav keeps twice that in memory


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file says of itself. Seconds are on the recording's own time line, which begins at 0."""

    format: str  # libav's name of the container
    codec: str
    sample_rate: int  # samples a second
    channels: int
    start: float  # seconds at which the sound begins; silence comes before
    duration: float | None  # seconds from 0 to the end of the sound; None: the file does not say
    exact: bool  # whether `duration` is written in the file; False: unknown or guessed from its size
    timed: bool  # whether packets carry their own time; False: they are only counted
    track: int  # 1 is the first audio track
    tracks: int  # how many audio tracks there are
    size: int  # bytes
