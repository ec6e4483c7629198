"""A program with an engine in a child process, for tests that end it: prints what happens, a line each.

python engine_parent.py MODEL_FOLDER quit|deaf WINDOWS
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from bili2text.transcribe.engine import DecodeOptions, Effort, Load, Window
from bili2text.transcribe.remote import RemoteEngine


def main() -> None:
    folder, manner, count = sys.argv[1:]
    # tests that run in the background of a script inherit a Ctrl-C that is switched off
    signal.signal(signal.SIGINT, signal.default_int_handler if manner == "quit" else signal.SIG_IGN)
    load = Load(Path(folder), "cpu", compute_type="int8", threads=1)
    noise = np.random.default_rng(0).normal(0, 0.1, 28 * 16000).astype(np.float32)
    with RemoteEngine(load, DecodeOptions(), os.environ) as engine:
        print("child", engine.pid, flush=True)
        try:
            said = engine.decode((Window(noise, "en"),) * int(count), Effort(temperatures=(0.0,)))
            print("decoded", len(said), flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    print("closed", flush=True)


if __name__ == "__main__":
    main()
