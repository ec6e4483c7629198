"""What the engine's process is told on a CPU, and that no text depends on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bili2text.transcribe import cpu
from bili2text.transcribe.encoded import Encoded

# Decodes a clip after the language was looked for in it, in a process of its own: malloc cannot be set back.
_HEAR = """
import json, os, sys
from bili2text.transcribe import cpu
folder, clip, lean = sys.argv[1:]
if lean == "lean":
    os.environ |= cpu.one_blas_thread(os.environ) | cpu.threads_that_sleep(os.environ)
    shared, kept = cpu.one_heap(), cpu.keep_memory()
    assert shared == kept == cpu._glibc(), "glibc refused"
from pathlib import Path
import numpy as np
from bili2text.audio.decode import Decoder
from bili2text.transcribe.ct2 import Ct2Engine
from bili2text.transcribe.encoded import Encoded
from bili2text.transcribe.engine import DecodeOptions, Load, Window
with Decoder(Path(clip)) as decoder:
    sound = np.concatenate([block.samples for block in decoder.blocks()])
engine = Ct2Engine(Load(Path(folder), "cpu", compute_type="int8", threads=2), DecodeOptions())
if lean != "lean":
    engine._encoded = Encoded(0)
sounds = (sound, sound[: len(sound) // 2], sound)
if engine.multilingual:
    engine.languages(sounds[:2])
decoded = engine.decode(tuple(Window(one, "en") for one in sounds))
print(json.dumps([[(s.text, s.avg_logprob, s.end) for s in one.segments] for one in decoded]))
"""


def heard(folder: Path, clip: Path, how: str) -> object:
    done = subprocess.run(
        [sys.executable, "-c", _HEAR, str(folder), str(clip), how],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("model", ["tiny_en_folder", "base_folder"])
def test_text_and_scores_are_the_same_with_and_without_what_makes_a_cpu_cheaper(
    model: str, samples: Path, request: pytest.FixtureRequest
) -> None:
    folder, clip = request.getfixturevalue(model), samples / "en" / "quick_brown_fox.wav"
    lean, usual = heard(folder, clip, "lean"), heard(folder, clip, "usual")
    assert lean == usual
    assert "brown fox" in str(lean)


def test_threads_are_few_and_sleep_unless_the_user_said_otherwise() -> None:
    assert cpu.one_blas_thread({}) == {"OPENBLAS_NUM_THREADS": "1"}
    assert cpu.one_blas_thread({"OPENBLAS_NUM_THREADS": "3"}) == {}
    assert cpu.threads_that_sleep({}) == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert cpu.threads_that_sleep({"OMP_WAIT_POLICY": "ACTIVE"}) == {}


@pytest.mark.parametrize(
    ("vendor", "flags", "wide"),
    [
        ("AuthenticAMD", "sse2 avx512f avx512dq avx512cd avx512bw avx512vl", True),
        ("AuthenticAMD", "sse2 avx2 avx512f", False),
        ("GenuineIntel", "sse2 avx512f avx512dq avx512cd avx512bw avx512vl", False),
    ],
)
def test_vectors_are_wide_where_that_was_measured(
    vendor: str, flags: str, wide: bool, tmp_path: Path
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(
        f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: \nflags\t\t: {flags}\n\nprocessor\t: 1\n"
    )
    assert cpu.widest_vectors({}, info) == ({"CT2_FORCE_CPU_ISA": "AVX512"} if wide else {})
    assert cpu.widest_vectors({"CT2_FORCE_CPU_ISA": "GENERIC"}, info) == {}
    assert cpu.widest_vectors({}, tmp_path / "none") == {}


_HEAP = """
import resource, threading
from bili2text.transcribe import cpu
if not cpu.one_heap() or not cpu.keep_memory():
    raise SystemExit("no glibc")
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def take(times):
    for _ in range(times):
        place = libc.malloc(72 << 20)
        ctypes.memset(place, 1, 72 << 20)
        libc.free(place)

def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for work in [threading.Thread(target=take, args=(times,)) for _ in range(3)]:
        work.start()
        work.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults(1)
assert faults(20) < first / 10, "pages were given back, and cleared again"
"""


@pytest.mark.skipif(sys.platform != "linux" or not cpu._glibc(), reason="it is glibc's memory")
def test_every_thread_finds_again_what_another_one_gave_back() -> None:
    subprocess.run(
        [sys.executable, "-c", _HEAP],
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def test_the_memory_of_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", none, raising=False)
    assert cpu.keep_memory() is False


def test_what_was_encoded_is_had_once_for_that_very_sound_and_never_more_than_there_is_room_for() -> None:
    sounds = [np.full(8, number, np.float32) for number in range(4)]
    encoded = Encoded(2)
    for number, sound in enumerate(sounds[:3]):
        encoded.keep(sound, np.full((2, 2), number, np.float32))
    assert encoded.take(sounds[0]) is None  # gone: there is room for two
    assert encoded.take(sounds[3]) is None
    found = encoded.take(sounds[2].copy())
    assert found is not None
    assert found[0, 0] == 2
    assert encoded.take(sounds[2]) is None
