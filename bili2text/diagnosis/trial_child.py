"""One precision, tried in this very process, which may not survive it: one line of JSON says what came of it.

    python trial_child.py FOLDER DEVICE INDEX UUID COMPUTE_TYPE THREADS

The model is loaded and hears a second of sound, then a whole window, which is timed. It must write the same
number of tokens in every precision, so that the speeds can be compared.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):
    # run by its path: Python put this folder on the path, where the packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np

from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import Bili2TextError, OutOfMemory, PrecisionFailure
from bili2text.models.weights import read_dims
from bili2text.remote.stats import peak_rss_mib
from bili2text.transcribe.engine import WINDOW_SECONDS, DecodeOptions, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOKENS = 100  # half a minute of speech has about as many
BEAM = 5
_PITCH = 120.0  # Hz
_VOWEL = (730.0, 1090.0, 2440.0)  # Hz; formants of "a" (Peterson and Barney, 1952)
_BREADTH = 80.0  # Hz, of a formant
_SEED = 20240229  # any constant
# The token that ends a text: openai-whisper's tokenizers, by the size of the vocabulary
_END, _ENGLISH_VOCABULARY, _ENGLISH_END = 50257, 51864, 50256


@dataclass(frozen=True, slots=True)
class Task:
    """What is tried, and where; the fields are the arguments of the program."""

    folder: str
    device: str  # "cpu" or "cuda"
    index: int
    uuid: str  # of the card; "" on the CPU
    compute_type: str
    threads: int


def main() -> None:
    """Try what the arguments say, and print one line of JSON."""
    folder, device, index, uuid, compute_type, threads = sys.argv[1:]
    answer = tried(Task(folder, device, int(index), uuid, compute_type, int(threads)))
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def tried(task: Task) -> dict[str, object]:
    """Return the outcome, with speed (x realtime) and peak (MiB), or with the reason in one line."""
    try:
        return _measured(task)
    except OutOfMemory as error:
        return {"outcome": "no room", "why": error.message}
    except PrecisionFailure as error:
        # a refusal comes from the library; that what came out is no text is our own finding
        outcome = "nonsense" if error.__cause__ is None else "refused"
        return {"outcome": outcome, "why": error.message}
    except Bili2TextError as error:
        return {"outcome": "failed", "why": error.message}


def sound(seconds: float) -> NDArray[np.float32]:
    """Return a voice that says "a" in a little noise, the same every time: mono, 16 kHz, within -1..1."""
    time_axis = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voice = np.random.default_rng(_SEED).normal(0.0, 0.02, len(time_axis))
    for overtone in range(1, 30):
        pitch = _PITCH * overtone
        loud = sum(1 / (1 + ((pitch - formant) / _BREADTH) ** 2) for formant in _VOWEL)
        voice += loud * np.sin(2 * np.pi * pitch * time_axis)
    found: NDArray[np.float32] = (0.3 * voice / np.abs(voice).max()).astype(np.float32)
    return found


def _measured(task: Task) -> dict[str, object]:
    with ExitStack() as stack:
        if task.device == "cuda":
            from bili2text.gpu.libraries import load_cublas
            from bili2text.gpu.meter import Meter
            from bili2text.gpu.pool import DriverPool
            from bili2text.gpu.probe import free_mib_now

            load_cublas()
            meter = stack.enter_context(Meter(lambda: free_mib_now(task.uuid), DriverPool(task.index)))
        seconds = _decoded(task)
        peak = meter.measured.peak_mib if task.device == "cuda" else peak_rss_mib()
    return {"outcome": "works", "speed": WINDOW_SECONDS / seconds, "peak_mib": peak}


def _decoded(task: Task) -> float:
    """Load, decode, and return the seconds a whole window took, the model being warm."""
    from bili2text.transcribe.ct2 import Ct2Engine
    from bili2text.transcribe.engine import Load

    folder = Path(task.folder)
    english = read_dims(folder / "model.bin").vocab == _ENGLISH_VOCABULARY
    options = DecodeOptions(
        beam_size=BEAM,
        temperatures=(0.0,),
        max_new_tokens=TOKENS,
        suppress_tokens=(-1, _ENGLISH_END if english else _END),
    )
    engine = Ct2Engine(Load(folder, task.device, task.index, task.compute_type, task.threads), options)
    engine.decode((Window(sound(1.0), "en"),))
    began = time.perf_counter()
    engine.decode((Window(sound(WINDOW_SECONDS), "en"),))
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
