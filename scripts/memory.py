"""Peak memory of decoding one hour of sound; of the whole program over hours: scripts/long.py.

    python scripts/memory.py [--json FILE] [--minutes 60]

The hour is real speech (the clips of pytest-audioeval, over and over, with pauses), as an m4a at 44.1 kHz.
Each figure is the peak resident set of a process of its own, as the kernel counts it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from accuracy import processor, samples

DECODE = """
import sys
from pathlib import Path
from bili2text.audio.decode import Decoder
with Decoder(Path(sys.argv[1])) as decoder:
    print(sum(len(block.samples) for block in decoder.blocks()) / 16000)
"""


def main() -> int:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder, "hour.m4a")
        make(sound, options.minutes * 60)
        results = {"decode": run([sys.executable, "-c", DECODE, str(sound)])}
    for name, result in results.items():
        print(f"{name:16} peak {result['peak_mb']:8.0f} MB  {result['seconds']:8.1f} s")
    if options.json:
        about = {"measured": time.strftime("%Y-%m-%d"), "machine": processor(), "minutes": options.minutes}
        options.json.write_text(json.dumps({**about, "results": results}, indent=1) + "\n")
    return 0


def make(target: Path, seconds: float) -> None:
    """Write the clips one after the other, again and again, as AAC in an m4a."""
    import av
    import numpy as np

    from bili2text.audio.decode import Decoder

    spoken = []
    for clip in sorted((samples() / "en").glob("*.wav")):
        with Decoder(clip) as decoder:
            spoken += [block.samples for block in decoder.blocks()]
        spoken.append(np.zeros(8000, np.float32))
    turn = np.concatenate(spoken)
    with av.open(str(target), "w") as out:
        stream = out.add_stream("aac", rate=44100, layout="mono")
        for _ in range(round(seconds * 16000 / len(turn))):
            frame = av.AudioFrame.from_ndarray(turn[None, :], format="flt", layout="mono")
            frame.sample_rate = 16000
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def run(command: list[str]) -> dict[str, float]:
    """Run a program and return its peak memory in MB and its wall seconds."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return {"peak_mb": round(usage.ru_maxrss / 1024, 1), "seconds": round(time.monotonic() - began, 1)}


if __name__ == "__main__":
    sys.exit(main())
