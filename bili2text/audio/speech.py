"""Where people speak: Silero's voice probability for every 32 ms of a stream. Loads onnxruntime, alone.

The model file comes with faster-whisper, so that both judge speech alike; unlike faster-whisper's own
wrapper this one carries the network's state from block to block, so that memory does not grow with length.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bili2text.errors import DependencyError

FRAME = 512  # samples the network judges at a time: 32 ms
_CONTEXT = 64  # samples of the frame before that it also sees
_STATE = (1, 1, 128)


class SpeechDetector:
    """Silero VAD over a stream: feed blocks in order, get one probability (0..1) for each whole frame."""

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One frame is tiny: more threads only spin, and they would take cores from Whisper.
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(
            str(_weights()), providers=["CPUExecutionProvider"], sess_options=options
        )
        self._h = np.zeros(_STATE, np.float32)
        self._c = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)

    def judge(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of speech of each frame of `samples`, a multiple of FRAME long."""
        if not len(samples):
            return np.zeros(0, np.float32)
        frames = samples.reshape(-1, FRAME)
        context = np.concatenate([self._context[None, :], frames[:-1, -_CONTEXT:]])
        seen = np.concatenate([context, frames], axis=1)
        found, self._h, self._c = self._session.run(None, {"input": seen, "h": self._h, "c": self._c})
        self._context = frames[-1, -_CONTEXT:].copy()
        return np.asarray(found, np.float32).reshape(-1)


def judged(
    blocks: Iterable[NDArray[np.float32]], detector: SpeechDetector
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield (samples, probabilities) with whole frames only; the tail is padded with silence to a frame."""
    rest = np.zeros(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block]) if len(rest) else block
        whole = len(rest) - len(rest) % FRAME
        if whole:
            yield rest[:whole], detector.judge(rest[:whole])
            rest = rest[whole:]
    if len(rest):
        padded = np.pad(rest, (0, FRAME - len(rest)))
        yield padded, detector.judge(padded)


def _weights() -> Path:
    found = importlib.util.find_spec("faster_whisper")
    folders = list(found.submodule_search_locations or ()) if found else []
    for folder in folders:
        for weights in sorted(Path(folder, "assets").glob("silero_vad*.onnx"), reverse=True):
            return weights
    raise DependencyError(
        "the speech detector that comes with faster-whisper is missing",
        hint="reinstall it: pip install --force-reinstall faster-whisper",
    )
