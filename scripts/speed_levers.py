"""What each lever of the engine on a CPU saves: CPU seconds, and seconds, with it and without it.

    python scripts/speed_levers.py SOUND [--model base] [--rounds 5] [--threads 2] [--batch 8] [--json FILE]

Every run is a process of its own, which decodes the file, cuts it and hears it with the real engine; a round
runs all ways once, in turn, so that whatever else the machine does falls on all of them. `text` is a digest
of every segment. `all` has every lever, `none` has none, the others lack one:

memory   the C library keeps what is freed          (transcribe/cpu.py)
blas     one thread for the log-mel spectrogram     (transcribe/cpu.py)
asleep   threads that wait do not spin              (transcribe/cpu.py)
reuse    sound is encoded once                      (transcribe/encoded.py)
workers  parts of a batch side by side              (transcribe/abreast.py)
short    short sound in short windows               (transcribe/shorter.py)
vectors  of 512 bits, on AMD's CPUs that have them  (transcribe/cpu.py)
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bili2text.transcribe import cpu

LEVERS = ("memory", "blas", "asleep", "reuse", "workers", "short", "vectors")
WAYS = {"all": (), "none": LEVERS, **{f"without {name}": (name,) for name in LEVERS}}


def main() -> int:
    """Measure, print, and write JSON where asked. With --child measure one run in this very process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sound", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(measured(options, tuple(filter(None, options.child.split(","))))))
        return 0
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way, off in WAYS.items():
            runs[way].append(child(off))
    for way, found in runs.items():
        seconds = [run["cpu_seconds"] for run in found]
        peak = max(run["peak_mib"] for run in found)
        texts = sorted({run["text"] for run in found})
        spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
        wall = statistics.median(run["seconds"] for run in found)
        print(
            f"{way:16}{statistics.median(seconds):8.1f} CPU s ({spread}) {wall:8.1f} s {peak:6.0f} MiB"
            f"  {' '.join(texts)}"
        )
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
    return 0


def child(off: tuple[str, ...]) -> dict[str, Any]:
    """Return what one process measured without some levers; what is set before numpy is set here."""
    environ = dict(os.environ)
    if "blas" not in off:
        environ |= cpu.one_blas_thread(environ)
    if "asleep" not in off:
        environ |= cpu.threads_that_sleep(environ)
    if "vectors" not in off:
        environ |= cpu.widest_vectors(environ)
    done = subprocess.run(
        [sys.executable, *sys.argv, "--child", ",".join(off)],
        stdout=subprocess.PIPE,
        check=True,
        env={**environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(options: argparse.Namespace, off: tuple[str, ...]) -> dict[str, Any]:
    """Hear the file in this process; the peak is that of the whole of it."""
    if "memory" not in off:
        cpu.one_heap()
        cpu.keep_memory()
    from bili2text.audio.chunks import CutRules, chunks
    from bili2text.audio.decode import Decoder
    from bili2text.audio.speech import SpeechDetector, judged
    from bili2text.models.store import Places, find
    from bili2text.paths import cache_dir
    from bili2text.plan.footprint import workers
    from bili2text.transcribe.ct2 import Ct2Engine
    from bili2text.transcribe.encoded import Encoded
    from bili2text.transcribe.engine import DecodeOptions, Load
    from bili2text.transcribe.run import Listening, listen

    folder = find(options.model, Places(cache_dir(os.environ), None, os.environ))
    if folder is None:
        sys.exit(f"{options.model} is not on this disk")
    many = 1 if "workers" in off else workers(options.threads, options.batch)
    load = Load(folder.path, "cpu", compute_type="int8", threads=options.threads, workers=many)
    engine = Ct2Engine(load, DecodeOptions())
    if "reuse" in off:
        engine._encoded = Encoded(0)  # noqa: SLF001 - there is no option for what changes no text
    if "short" in off:
        engine.short = False
    began = time.monotonic()
    with Decoder(options.sound) as decoder:
        sound = judged((block.samples for block in decoder.blocks()), SpeechDetector())
        how = Listening(batch_size=options.batch)
        heard = listen(chunks(sound, CutRules()), engine, how, lambda _: None)
    said = repr([(segment.start, segment.end, segment.text) for segment in heard.segments])
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "seconds": round(time.monotonic() - began, 2),
        "peak_mib": round(used.ru_maxrss / 1024, 1),
        "text": hashlib.sha256(said.encode()).hexdigest()[:12],
    }


if __name__ == "__main__":
    sys.exit(main())
