"""A zoo of healthy recordings in every container, made from real speech, and how to hurt and compare them."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from bili2text.audio.damage import Damage
from bili2text.audio.decode import Decoder

RATE = 16_000
LAYOUTS = {1: "mono", 2: "stereo", 8: "7.1"}


@dataclass(frozen=True)
class Recipe:
    """How to encode the speech into one file."""

    codec: str
    rate: int = 44_100
    channels: int = 1
    bit_rate: int | None = 64_000
    muxer: str | None = None
    video: bool = False
    start: float = 0.0  # seconds
    encoder: dict[str, str] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)


FRAGMENTS = {"movflags": "+frag_keyframe+empty_moov", "frag_duration": "1000000"}
DASH = "+dash+frag_keyframe+empty_moov+global_sidx"
ZOO = {
    "aac.m4a": Recipe("aac"),
    "faststart.m4a": Recipe("aac", container={"movflags": "+faststart"}),
    "alac.m4a": Recipe("alac", muxer="ipod"),
    "opus.mp4": Recipe("libopus", 48_000, bit_rate=32_000),
    "fragmented.mp4": Recipe("aac", container=FRAGMENTS),
    "dash.mp4": Recipe("aac", container={**FRAGMENTS, "movflags": DASH}),
    "cbr.mp3": Recipe("libmp3lame"),
    "vbr.mp3": Recipe("libmp3lame", bit_rate=None, encoder={"flags": "+qscale", "global_quality": "472"}),
    "stereo.mp3": Recipe("libmp3lame", channels=2, bit_rate=96_000),
    "low.mp3": Recipe("libmp3lame", 22_050, bit_rate=48_000),
    "headless.mp3": Recipe("libmp3lame", container={"write_xing": "0", "id3v2_version": "0"}),
    "flac.flac": Recipe("flac"),
    "vorbis.ogg": Recipe("vorbis", channels=2, encoder={"strict": "-2"}),
    "opus.ogg": Recipe("libopus", 48_000, bit_rate=32_000),
    "flac.ogg": Recipe("flac", muxer="ogg"),
    "opus.webm": Recipe("libopus", 48_000, bit_rate=32_000),
    "live.webm": Recipe("libopus", 48_000, bit_rate=32_000, container={"live": "1"}),
    "aac.mkv": Recipe("aac"),
    "flac.mkv": Recipe("flac"),
    "pcm.mkv": Recipe("pcm_s16le"),
    "aac.ts": Recipe("aac"),
    "mp3.ts": Recipe("libmp3lame"),
    "adts.aac": Recipe("aac", muxer="adts"),
    "s16.wav": Recipe("pcm_s16le", RATE),
    "u8.wav": Recipe("pcm_u8", RATE),
    "s32.wav": Recipe("pcm_s32le"),
    "f32.wav": Recipe("pcm_f32le", 48_000),
    "f64.wav": Recipe("pcm_f64le"),
    "mulaw.wav": Recipe("pcm_mulaw", 8_000),
    "adpcm.wav": Recipe("adpcm_ima_wav", 24_000),
    "8ch.wav": Recipe("pcm_s16le", channels=8),
    "s16.w64": Recipe("pcm_s16le"),
    "s16.aiff": Recipe("pcm_s16be"),
    "s16.au": Recipe("pcm_s16be"),
    "s16.caf": Recipe("pcm_s16le"),
    "amr.amr": Recipe("libopencore_amrnb", 8_000, bit_rate=12_200),
    "wma.wma": Recipe("wmav2", muxer="asf"),
    "wv.wv": Recipe("wavpack"),
    "tta.tta": Recipe("tta"),
    "ac3.ac3": Recipe("ac3", 48_000),
    "mp2.mpg": Recipe("mp2", muxer="mpeg"),
    "video.mp4": Recipe("aac", video=True),
    "video.mkv": Recipe("aac", video=True),
    "video.ts": Recipe("aac", video=True),
    "video.flv": Recipe("aac", video=True),
    "video.avi": Recipe("libmp3lame", video=True),
    "late.m4a": Recipe("aac", start=2.5),
    "late.mkv": Recipe("aac", start=2.5),
    "late.mp4": Recipe("aac", start=2.5, video=True),
    "late.ts": Recipe("aac", start=2.5, video=True),
}
# One of each way to lose data, for the mutants.
HARDY = (
    "aac.m4a faststart.m4a fragmented.mp4 cbr.mp3 headless.mp3 flac.flac vorbis.ogg opus.ogg opus.webm "
    "aac.mkv aac.ts adts.aac s16.wav video.flv video.avi wma.wma"
).split()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let a test that takes `healthy` (or `hardy`) meet every kind of file (or those used for mutants)."""
    for name, kinds in (("healthy", list(ZOO)), ("hardy", HARDY)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, kinds)


def resampled(samples: np.ndarray, rate: int, target: int) -> np.ndarray:
    """The samples at another rate, by libav."""
    if rate == target:
        return samples
    inner = av.AudioResampler("flt", "mono", target)
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="flt", layout="mono")
    frame.sample_rate = rate
    return np.concatenate([out.to_ndarray()[0] for out in (*inner.resample(frame), *inner.resample(None))])


@pytest.fixture(scope="session")
def speech(samples: Path) -> np.ndarray:
    """Half a minute of real speech in four languages, 16 kHz."""
    clips = []
    for language in ("en", "zh", "es", "fr"):
        for path in sorted((samples / language).glob("*.wav")):
            with av.open(str(path)) as file:
                clips += [frame.to_ndarray()[0].astype(np.float32) for frame in file.decode(audio=0)]
    return np.concatenate(clips)[: 29 * RATE]


Write = Callable[..., Path]


@pytest.fixture(scope="session")
def write(speech: np.ndarray) -> Write:
    """Encode speech (or other samples at the recipe's rate) into a file."""

    def encode(path: Path, recipe: Recipe, sound: np.ndarray | None = None) -> Path:
        if recipe.codec not in av.codecs_available:
            pytest.skip(f"this PyAV cannot encode {recipe.codec}")
        sound = resampled(speech, RATE, recipe.rate) if sound is None else sound
        layout = LAYOUTS[recipe.channels]
        with av.open(str(path), "w", format=recipe.muxer, options=recipe.container) as out:
            pictures = "flv1" if path.suffix == ".flv" else "mpeg4"
            video = out.add_stream(pictures, rate=10, width=32, height=32) if recipe.video else None
            stream = out.add_stream(recipe.codec, rate=recipe.rate, layout=layout, options=recipe.encoder)
            if recipe.bit_rate:
                stream.bit_rate = recipe.bit_rate
            convert = av.AudioResampler(stream.codec_context.format.name, layout, recipe.rate)
            shown, first = 0, round(recipe.start * recipe.rate)
            for at in range(0, len(sound), 1 << 14):
                while video and shown / 10 < at / recipe.rate:
                    picture = av.VideoFrame.from_ndarray(_noise(shown), format="yuv420p")
                    picture.pts, picture.time_base, shown = shown, Fraction(1, 10), shown + 1
                    out.mux(video.encode(picture))
                piece = np.ascontiguousarray(sound[None, at : at + (1 << 14)], np.float32)
                frame = av.AudioFrame.from_ndarray(piece, format="flt", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = (
                    recipe.rate,
                    first + at,
                    Fraction(1, recipe.rate),
                )
                for ready in convert.resample(frame):
                    out.mux(stream.encode(ready))
            for ready in convert.resample(None):
                out.mux(stream.encode(ready))
            for track in (stream, video) if video else (stream,):
                out.mux(track.encode(None))
        return path

    return encode


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (48, 32), dtype=np.uint8)


@pytest.fixture(scope="session")
def recipe() -> type[Recipe]:
    """For a test that needs a file the zoo does not have."""
    return Recipe


@pytest.fixture(scope="session")
def wav() -> Callable[[Path, np.ndarray, int], Path]:
    """Write (channels, samples) of float32 as a WAV, byte by byte: encoders would tidy it up."""

    def pack(path: Path, sound: np.ndarray, rate: int) -> Path:
        data, channels = sound.T.astype("<f4").tobytes(), len(sound)
        form = struct.pack("<HHIIHH", 3, channels, rate, rate * channels * 4, channels * 4, 32)
        body = (
            b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
        )
        path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
        return path

    return pack


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory, write: Write) -> Callable[[str], Path]:
    """The file of that name, encoded once."""
    folder = tmp_path_factory.mktemp("zoo")

    def find(name: str) -> Path:
        path = folder / name
        return path if path.exists() else write(path, ZOO[name])

    return find


@pytest.fixture(scope="session")
def short_zoo(
    tmp_path_factory: pytest.TempPathFactory, write: Write, speech: np.ndarray
) -> Callable[[str], Path]:
    """The file of that name with 8 seconds only, encoded once."""
    folder = tmp_path_factory.mktemp("short")

    def find(name: str) -> Path:
        path, recipe = folder / name, ZOO[name]
        return (
            path if path.exists() else write(path, recipe, resampled(speech[: 8 * RATE], RATE, recipe.rate))
        )

    return find


@pytest.fixture(scope="session")
def decode() -> Callable[..., tuple[np.ndarray, Damage]]:
    """All samples of a file, and what was damaged; checks that the blocks follow each other."""

    def run(path: Path, track: int | None = None) -> tuple[np.ndarray, Damage]:
        with Decoder(path, track=track) as decoder:
            blocks = list(decoder.blocks())
            ends = [0.0, *(block.end for block in blocks)]
            assert [block.start for block in blocks] == pytest.approx(ends[:-1], abs=1e-9)
            assert all(block.samples.dtype == np.float32 and block.samples.ndim == 1 for block in blocks)
            samples = np.concatenate([np.zeros(0, np.float32), *(block.samples for block in blocks)])
            assert np.isfinite(samples).all()
            assert not len(samples) or np.abs(samples).max() <= 1
            return samples, decoder.damage

    return run


@pytest.fixture(scope="session")
def lag() -> Callable[[np.ndarray, np.ndarray], float]:
    """Seconds by which the first sound is later than the second, by cross-correlation."""

    def measure(late: np.ndarray, early: np.ndarray) -> float:
        count = min(len(late), len(early))
        size = 1 << (2 * count - 1).bit_length()
        spectrum = np.fft.rfft(late[:count], size) * np.conj(np.fft.rfft(early[:count], size))
        peak = int(np.argmax(np.fft.irfft(spectrum, size)))
        return (peak if peak < size // 2 else peak - size) / RATE

    return measure


@pytest.fixture(scope="session")
def hurt() -> Callable[[Path, Path, float, float], Path]:
    """Copy a file with zeros from one fraction of its length to another."""

    def zeroed(path: Path, copy: Path, begin: float, end: float) -> Path:
        data = bytearray(path.read_bytes())
        first, last = int(len(data) * begin), int(len(data) * end)
        data[first:last] = bytes(last - first)
        copy.write_bytes(data)
        return copy

    return zeroed


@pytest.fixture(scope="session")
def peak() -> Callable[[str, Path], tuple[list[float], float]]:
    """Run a script on a file in a process of its own; return the numbers it prints, and its peak in MB."""

    def run(script: str, path: Path) -> tuple[list[float], float]:
        # ru_maxrss starts with what the parent had, so the peak is sampled from outside instead.
        with subprocess.Popen(
            [sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True
        ) as child:
            watched, most = psutil.Process(child.pid), 0
            while child.poll() is None:
                with suppress(psutil.Error):
                    most = max(most, watched.memory_info().rss)
                time.sleep(0.01)
            assert child.stdout is not None
            numbers = [float(word) for word in child.stdout.read().split()]
        assert child.returncode == 0
        return numbers, most / 1e6

    return run
