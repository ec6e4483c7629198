"""What a model's process and its parent say to each other, as bytes. Pure but for the two streams.

A frame is a JSON header and the sound it speaks of, as raw float32 in the machine's own byte order: both
ends are the same program on one machine. Nothing that arrives is ever executed, and nothing without limit.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from bili2text import errors
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import Bili2TextError, RuntimeFailure
from bili2text.remote.plain import typed

HEADER_BYTES = 64 * 1024 * 1024
SOUNDS = 64  # in one frame
SAMPLES = 30 * SAMPLE_RATE  # in one sound: what Whisper hears at once
NOISE_BYTES = 1024 * 1024  # that may stand before the greeting

# Said once, before the first frame: whatever Python's own start printed ends here.
GREETING = b"\0bili2text engine\n"
OTHER = "the program"  # what a process calls its parent
_MAGIC = b"b2t\1"
_PREFIX = struct.Struct("=4sI")  # the mark of a frame, the bytes of its header
_READ = 1024 * 1024  # bytes asked for at once


# The classes of the error tree, by name: what travels is the name
_KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, Bili2TextError)
}


class WireError(RuntimeFailure):
    """The other end said something that is no frame, or stopped within one."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One thing said. `body` is what JSON can hold."""

    kind: str
    body: object = None
    sounds: tuple[NDArray[np.float32], ...] = ()  # mono, 16 kHz, at most 30 s each


def greeted(stream: IO[bytes]) -> bool:
    """Read up to the end of the greeting; False when the stream ends, or goes on for too long, without it."""
    last = b""
    for _ in range(NOISE_BYTES):
        byte = stream.read(1)
        last = (last + byte)[-len(GREETING) :]
        if last == GREETING or not byte:
            break
    return last == GREETING


def write(stream: IO[bytes], frame: Frame, *, nan: bool = False, who: str = OTHER) -> None:
    """Write one frame; `nan` allows numbers that are none, which only a model's answer may hold.

    `who` is what messages call the other end, here and below. Raises WireError for what no frame may
    be, before a byte of it is written, and OSError.
    """
    _check([sound.shape[0] if sound.ndim == 1 else -1 for sound in frame.sounds])
    header = {"kind": frame.kind, "body": frame.body, "samples": [len(sound) for sound in frame.sounds]}
    try:
        text = json.dumps(header, allow_nan=nan, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError) as error:
        raise WireError(f"{frame.kind} cannot be said to {who}: {error}") from error
    if len(text) > HEADER_BYTES:
        raise WireError(f"{frame.kind} is too long to be said to {who}: {len(text)} bytes")
    _all(stream, _PREFIX.pack(_MAGIC, len(text)) + text)
    for sound in frame.sounds:
        _all(stream, np.ascontiguousarray(sound, np.float32).view(np.uint8).data)


def read(stream: IO[bytes], *, nan: bool = False, who: str = OTHER) -> Frame | None:
    """Return the next frame, None when the stream ended after the last one.

    Raises WireError for a frame that is torn, too large or makes no sense, and OSError.
    """
    start = _exactly(stream, _PREFIX.size, who, begun=False)
    if not start:
        return None
    magic, length = _PREFIX.unpack(start)
    if magic != _MAGIC or length > HEADER_BYTES:
        raise WireError(f"{who}'s process said something that is no answer: {start!r}")
    kind, body, samples = _header(_exactly(stream, length, who), who, nan=nan)
    _check(samples)
    sounds = tuple(np.frombuffer(_exactly(stream, count * 4, who), np.float32) for count in samples)
    return Frame(kind, body, sounds)


def of_error(error: Bili2TextError) -> Frame:
    """Return the frame that says an error."""
    name = next(kind.__name__ for kind in type(error).__mro__ if _KINDS.get(kind.__name__) is kind)
    return Frame("error", {"kind": name, "message": error.message, "hint": error.hint})


def error_of(frame: Frame, who: str = OTHER) -> Bili2TextError:
    """Return the error a frame says, of the class it had."""
    try:
        told = typed(dict[str, str], frame.body)
    except ValueError as error:
        return WireError(f"{who}'s process failed in words that make no sense: {error}")
    kind = _KINDS.get(told.get("kind", ""), RuntimeFailure)
    return kind(told.get("message", ""), hint=told.get("hint", ""))


def _header(text: bytes, who: str, *, nan: bool) -> tuple[str, object, list[int]]:
    def constant(name: str) -> float:
        return float(name) if nan else _refuse(name)

    def number(digits: str) -> float:
        found = float(digits)  # 1e999 reads as infinity
        return found if nan or math.isfinite(found) else _refuse(digits)

    try:
        header: Any = json.loads(text, parse_constant=constant, parse_float=number)
        if header.keys() != {"kind", "body", "samples"}:
            _refuse(sorted(header))
        return typed(str, header["kind"]), header["body"], list(typed(tuple[int, ...], header["samples"]))
    except (ValueError, AttributeError, RecursionError) as error:
        raise WireError(f"{who}'s process sent a frame that makes no sense: {error}") from error


def _refuse(found: object) -> NoReturn:
    raise ValueError(f"{found} is not expected here")


def _check(samples: list[int]) -> None:
    if len(samples) > SOUNDS:
        raise WireError(f"{len(samples)} sounds at once are too many", hint=f"--batch-size {SOUNDS} at most")
    for count in samples:
        if not 0 <= count <= SAMPLES:
            raise WireError(f"a sound of {count} samples: 0 to {SAMPLES} expected")


def _all(stream: IO[bytes], data: bytes | memoryview) -> None:
    """Write to a pipe until everything is written: it takes what it has room for."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def _exactly(stream: IO[bytes], count: int, who: str, *, begun: bool = True) -> bytes:
    """Return `count` bytes; b"" where the stream ends and no frame was `begun`."""
    parts: list[bytes] = []
    missing = count
    while missing:
        part = stream.read(min(missing, _READ))
        if not part:
            if not begun and not parts:
                return b""
            raise WireError(f"{who}'s process stopped in the middle of a frame")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
