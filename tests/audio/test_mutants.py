"""Every container, cut, flipped and zeroed everywhere: an answer in time, and the truth about it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import MediaError

pytestmark = pytest.mark.timeout(120)

OFFSETS = [0, 4, 20, 100, 0.02, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.97, 0.999]  # bytes, or a fraction


def mutants(data: bytes) -> list[tuple[str, bytes]]:
    """Damaged copies of `data`, each with a name."""
    found = []
    chance = np.random.default_rng(len(data))
    for offset in OFFSETS:
        at = offset if isinstance(offset, int) else int(len(data) * offset)
        end = min(len(data), at + max(16, len(data) // 25))
        flipped = bytearray(data)
        for place in chance.integers(at, end, 12):
            flipped[place] ^= 1 << int(chance.integers(8))
        found += [
            (f"cut at {offset}", data[:at]),
            (f"flipped at {offset}", bytes(flipped)),
            (f"zeroed at {offset}", data[:at] + bytes(end - at) + data[end:]),
        ]
    return found


def test_no_mutant_hangs_crashes_or_invents_sound(hardy, tmp_path: Path, short_zoo, decode) -> None:
    path = tmp_path / hardy
    for name, content in mutants(short_zoo(hardy).read_bytes()):
        path.write_bytes(content)
        began = time.monotonic()
        try:
            samples, damage = decode(path)
        except MediaError:
            continue
        finally:
            assert time.monotonic() - began < 10, name
        # A flipped byte in a header may change the rate or the clock; never by more than the limits allow.
        assert len(samples) / SAMPLE_RATE < 75, name
        assert damage.lost_seconds <= len(samples) / SAMPLE_RATE + 0.01, name


# These tell how long they are, at their beginning.
@pytest.mark.parametrize("clocked", ["faststart.m4a", "flac.flac", "opus.webm", "aac.mkv"])
def test_the_missing_seconds_of_a_mutant_are_counted_to_half_a_second(
    clocked, tmp_path, short_zoo, decode
) -> None:
    path = tmp_path / clocked
    for name, content in mutants(short_zoo(clocked).read_bytes()):
        if name.startswith("flipped") or name.split()[-1] in {"0", "4", "20", "100", "0.02"}:
            continue
        path.write_bytes(content)
        samples, damage = decode(path)
        heard = len(samples) / SAMPLE_RATE - damage.lost_seconds
        assert heard + damage.seconds == pytest.approx(8, abs=0.5), name
