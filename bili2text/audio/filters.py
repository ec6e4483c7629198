"""`--denoise` and `--loudnorm`: sound through the ffmpeg program and back, as a stream.

ffmpeg gets samples that our own decoder made, through a pipe, and never sees a file; ffmpeg-python writes the
filter graph, so that no text of ours is parsed as one. Nothing else in the project runs ffmpeg.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain as chained
from itertools import islice
from typing import IO

import numpy as np

from bili2text.audio.waveform import SAMPLE_RATE, Block, Samples, in_blocks, silence
from bili2text.errors import DependencyError, RuntimeFailure
from bili2text.files import clean_text

# What an option of ours is called in ffmpeg, and with which settings.
# afftdn: besides these it is told the noise floor; its default of -50 dB leaves all but the faintest noise.
# loudnorm: EBU R 128 aims at -23; -16 is what speech on the web is mastered to. It works at 192 kHz inside.
FILTERS: dict[str, tuple[str, dict[str, float]]] = {
    "denoise": ("afftdn", {}),
    "loudnorm": ("loudnorm", {"I": -16, "TP": -1.5, "LRA": 11}),
}
_LISTENED = 6  # blocks from which the noise floor is taken: half a minute
_FRAME = 512  # samples: 32 ms, shorter than the pauses between words
_QUIETEST, _LOUDEST = -80, -20  # dB; what afftdn takes for a noise floor
_PIPED = {"format": "f32le", "ar": SAMPLE_RATE, "ac": 1}
_READ = SAMPLE_RATE * 4  # bytes: one second
_LAST_WORDS = 2000  # bytes of what ffmpeg said before it failed


def filtered(blocks: Iterable[Block], chain: tuple[str, ...]) -> Generator[Block, None, None]:
    """Yield `blocks` after the filters named in `chain` (see FILTERS), exactly as long as before.

    In time to 25 ms: that much later comes what afftdn gives back (ffmpeg 5.1, measured).

    Raises DependencyError without ffmpeg, RuntimeFailure when it fails, and whatever `blocks` raises.
    The program is gone when this ends, however it ends.
    """
    if not chain:
        yield from blocks
        return
    stream = iter(blocks)
    head = list(islice(stream, _LISTENED))
    command = _command(chain, noise_floor([block.samples for block in head]))
    with tempfile.TemporaryFile() as said, _start(command, said) as program, ThreadPoolExecutor(1) as pool:
        # With one thread, writer and reader would wait for each other as soon as a pipe is full.
        feeding = pool.submit(_feed, chained(head, stream), program)
        try:
            yield from in_blocks(_as_long_as_fed(program, feeding, said))
        finally:
            program.kill()


def noise_floor(sound: list[Samples]) -> int:
    """Return how loud it is, in dB, where nobody speaks: the level that a tenth of all frames stay under.

    Frames of digital silence do not count. Speech with white noise of -60 to -20 dB came out cleanest
    (signal to noise 5 to 7 dB better) when afftdn was told this level.
    """
    joined = np.concatenate([silence(0), *sound])
    frames = joined[: len(joined) - len(joined) % _FRAME].reshape(-1, _FRAME)
    power = np.mean(frames.astype(np.float64) ** 2, axis=1)
    audible = power[power > 10 ** (_QUIETEST / 10)]
    if not len(audible):
        return _QUIETEST
    return int(np.clip(round(10 * np.log10(np.percentile(audible, 10))), _QUIETEST, _LOUDEST))


def _command(chain: tuple[str, ...], floor: int) -> list[str]:
    import ffmpeg

    program = shutil.which("ffmpeg")
    if program is None:
        options = " ".join(f"--{name}" for name in chain)
        raise DependencyError(
            f"{options} needs the ffmpeg program, which is not installed",
            hint="apt install ffmpeg, brew install ffmpeg or winget install ffmpeg; or leave the option out",
        )
    stream = ffmpeg.input("pipe:0", **_PIPED)
    for name in chain:
        filter_name, settings = FILTERS[name]
        noise = {"nf": floor} if name == "denoise" else {}
        stream = stream.filter(filter_name, **settings, **noise)
    stream = stream.output("pipe:1", **_PIPED).global_args("-hide_banner", "-loglevel", "error")
    command: list[str] = stream.compile(cmd=program)
    return command


def _start(command: list[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - a list, no shell, and nothing in it comes from outside
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, bufsize=0
        )
    except OSError as error:
        raise DependencyError(
            f"ffmpeg cannot be started: {error.strerror or error}", hint="reinstall ffmpeg"
        ) from error


def _feed(blocks: Iterable[Block], program: subprocess.Popen[bytes]) -> int:
    """Write `blocks` into the program until they, or it, end; return how many samples there were."""
    assert program.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
    fed = 0
    with program.stdin as pipe:
        for block in blocks:
            data = memoryview(block.samples.astype("<f4").tobytes())
            try:
                while data:
                    data = data[pipe.write(data) or 0 :]
            except OSError:  # it is gone; whoever reads from it says why
                break
            fed += len(block.samples)
    return fed


def _as_long_as_fed(
    program: subprocess.Popen[bytes], feeding: Future[int], said: IO[bytes]
) -> Iterator[Samples]:
    """Yield what the program gives back, made exactly as long as what it was given."""
    given, last = 0, silence(0)
    for samples in _read(program):
        yield last
        given += len(last)
        last = samples
    left = feeding.result() - given
    if program.wait():
        raise RuntimeFailure(
            f"ffmpeg failed while filtering: {_last_line(said)}",
            hint="update ffmpeg, or leave the filter out",
        )
    yield last[:left]
    yield silence(max(0, left - len(last)))


def _read(program: subprocess.Popen[bytes]) -> Iterator[Samples]:
    assert program.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
    rest = b""
    while data := program.stdout.read(_READ):
        data = rest + data
        whole = len(data) - len(data) % 4
        rest = data[whole:]
        yield np.frombuffer(data[:whole], "<f4").astype(np.float32)


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read(_LAST_WORDS).decode("utf-8", "replace").strip().splitlines()
    return clean_text(lines[-1]) if lines else "it gave no reason"
