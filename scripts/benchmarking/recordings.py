"""What is heard: a folder's recordings with their text, and longer ones made of them."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from accuracy import found
from sounds import samples_of

from benchmarking.values import Sound
from bili2text.audio.waveform import SAMPLE_RATE, Samples


def sounds(folder: Path) -> tuple[Sound, ...]:
    """Return the recordings below a folder that have their text beside them (`accuracy.found`).

    Their paths are whole: each program runs in a folder of its own.
    """
    return tuple(
        Sound(clip.path.stem, clip.path, clip.language, clip.text, len(samples_of(clip.path)) / SAMPLE_RATE)
        for clip in found(folder.resolve())
    )


def repeated(sound: Sound, seconds: float, path: Path) -> Sound:
    """Return `sound` again and again until it is that long, as a WAV file at `path`.

    It has no text: nobody wrote down what is said until the cut."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for piece in _pieces(samples_of(sound.path), round(seconds * SAMPLE_RATE)):
            file.writeframes(np.rint(np.clip(piece, -1, 1) * 32767).astype("<i2").tobytes())
    return Sound(path.stem, path, sound.language, "", seconds)


def _pieces(samples: Samples, count: int) -> Iterator[Samples]:
    while count > 0:
        yield samples[:count]
        count -= len(samples)
