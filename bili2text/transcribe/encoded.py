"""What the encoder said of sound in which the language was looked for: it is decoded later."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from bili2text.audio.waveform import Samples

Output = NDArray[np.float32]  # of the encoder, for one window


class Encoded:
    """A few of the encoder's outputs, by the bytes of their sound, each until it is used."""

    def __init__(self, room: int) -> None:
        """Keep the latest `room` windows."""
        self._room = room
        self._kept: dict[bytes, Output] = {}

    def keep(self, samples: Samples, output: Output) -> None:
        """Keep what the encoder said of a window."""
        self._kept[_key(samples)] = output
        while len(self._kept) > self._room:
            del self._kept[next(iter(self._kept))]

    def take(self, samples: Samples) -> Output | None:
        """Return what is kept of that very sound, and keep it no longer."""
        return self._kept.pop(_key(samples), None) if self._kept else None


def _key(samples: Samples) -> bytes:
    return blake2b(np.ascontiguousarray(samples).data, digest_size=16).digest()
