"""An engine that fails while the filters' program is at work: the run ends, and the program with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
import sys, wave
from pathlib import Path
from bili2text import recording
from bili2text.audio import cuts
from bili2text.errors import RuntimeFailure
from bili2text.jobs.journal import Journal
from bili2text.jobs.records import Pin
from bili2text.plan.values import Plan
from bili2text.progress import Silent
from bili2text.request import Request
from bili2text.source.local import open_file

class Broken:
    multilingual = short = False
    def decode(self, windows, effort=None):
        raise RuntimeFailure("the engine broke", hint="")
    def close(self): ...

class Loader:
    def engine(self, pin=None):
        return Plan("tiny", "cpu", 0, "CPU", "int8", 1, 1, 1, ()), Broken()
    def pin(self):
        return Pin("tiny", "", "int8", 1, 1, 1, "cpu", "CPU")
    def writes_as(self, pin):
        return True
    def revive(self, error, group):
        return False

cuts._KEPT = 0  # the sound is decoded once more, and the filters' program with it
request = Request((), filters=("denoise",))
journal = Journal.open(Path(sys.argv[1]).parent / "job", recording.header())
try:
    recording.transcribe(
        open_file(Path(sys.argv[1])), request, Loader(), Silent(), journal, "0", lambda *_: None
    )
except RuntimeFailure as error:
    kept = error  # as a run keeps it, frames and all
    print("ended", flush=True)
"""


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg program here")
def test_a_failing_engine_does_not_leave_the_filters_waiting(samples: Path, tmp_path: Path) -> None:
    import wave

    from bili2text.audio.decode import Decoder

    with Decoder(samples / "en" / "quick_brown_fox.wav") as decoder:
        spoken = np.concatenate([block.samples for block in decoder.blocks()])
    with wave.open(str(tmp_path / "long.wav"), "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes((np.tile(spoken, 60) * 32767).astype("<i2").tobytes())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "long.wav")],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "ended", done.stderr
    assert done.returncode == 0
