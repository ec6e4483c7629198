"""Sound for the measurements: real clips, and what is no speech, made by numpy; and files of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from demo import speech

from bili2text.audio.decode import Decoder
from bili2text.audio.waveform import SAMPLE_RATE, Samples

KINDS = ("silence", "white noise", "music", "applause")
_CHORDS = ((220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (261.6, 329.6, 392.0), (196.0, 246.9, 293.7))
_BEAT = 0.5  # seconds
_CLAPS = 60  # a second, as a hall of some hundred people


def clips(*languages: str) -> list[Samples]:
    """Return the real clips of these languages, each whole."""
    return [samples_of(path) for language in languages for path in speech(language)]


def samples_of(path: Path) -> Samples:
    """Return all the sound of a file. Raises what the decoder raises."""
    with Decoder(path) as decoder:
        return np.concatenate([np.zeros(0, np.float32), *(block.samples for block in decoder.blocks())])


def silence(seconds: float) -> Samples:
    """Return zeros."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def white(seconds: float, chance: np.random.Generator, level: float = 0.05) -> Samples:
    """Return Gaussian noise of that RMS."""
    return chance.normal(0, level, round(seconds * SAMPLE_RATE)).astype(np.float32)


def made(kind: str, seconds: float, chance: np.random.Generator) -> Samples:
    """Return sound without a word: one of `KINDS`."""
    if kind == "silence":
        return silence(seconds)
    if kind == "white noise":
        return white(seconds, chance)
    return _music(seconds, chance) if kind == "music" else _applause(seconds, chance)


def encode(
    path: Path,
    codec: str,
    sound: Iterable[Samples],
    *,
    bit_rate: int | None = 64_000,
    container: Mapping[str, str] | None = None,
) -> Path:
    """Write sound of 16 kHz into a file of its name's kind, at a rate the codec takes."""
    rate = 48_000 if codec == "libopus" else SAMPLE_RATE
    with av.open(str(path), "w", options=dict(container or {})) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        if bit_rate:
            stream.bit_rate = bit_rate
        convert = av.AudioResampler(stream.codec_context.format.name, "mono", rate)
        for frame in _frames(sound):
            for ready in convert.resample(frame):
                out.mux(stream.encode(ready))
        for ready in convert.resample(None):
            out.mux(stream.encode(ready))
        out.mux(stream.encode(None))
    return path


def with_pauses(found: Sequence[Samples], pause: float) -> Samples:
    """Return the clips one after the other, with that many seconds of silence behind each."""
    return np.concatenate([part for clip in found for part in (clip, silence(pause))])


def _frames(sound: Iterable[Samples]) -> Iterator[av.AudioFrame]:
    at = 0
    for block in sound:
        for begin in range(0, len(block), 1 << 14):
            piece = np.ascontiguousarray(block[None, begin : begin + (1 << 14)], np.float32)
            frame = av.AudioFrame.from_ndarray(piece, format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, at, Fraction(1, SAMPLE_RATE)
            at += piece.shape[1]
            yield frame


def _music(seconds: float, chance: np.random.Generator) -> Samples:
    """Return chords of three tones with overtones, changed every two seconds, and a drum on every beat."""
    beats = []
    for number in range(int(np.ceil(seconds / _BEAT))):
        time = np.arange(round(_BEAT * SAMPLE_RATE)) / SAMPLE_RATE
        chord = _CHORDS[number // 4 % len(_CHORDS)]
        tones = sum(np.sin(2 * np.pi * tone * k * time) / k for tone in chord for k in (1, 2, 3))
        drum = chance.normal(0, 1, len(time)) * np.exp(-time * (60 if number % 2 else 25))
        beats.append(0.06 * tones * np.exp(-2 * time) + 0.12 * drum)
    return np.concatenate(beats)[: round(seconds * SAMPLE_RATE)].astype(np.float32)


def _applause(seconds: float, chance: np.random.Generator) -> Samples:
    """Return claps at random moments: bursts of noise of 10 ms, each of its own loudness."""
    count = round(seconds * SAMPLE_RATE)
    time = np.arange(800) / SAMPLE_RATE
    moments = np.zeros(count, np.float32)
    places = chance.integers(0, count, round(seconds * _CLAPS))
    np.add.at(moments, places, chance.exponential(0.1, len(places)).astype(np.float32))
    clap = (chance.normal(0, 1, len(time)) * np.exp(-time * 250)).astype(np.float32)
    size = 1 << (count + len(clap) - 1).bit_length()
    ringing = np.fft.irfft(np.fft.rfft(moments, size) * np.fft.rfft(clap, size), size)[:count]
    return np.clip(ringing, -1, 1).astype(np.float32)
