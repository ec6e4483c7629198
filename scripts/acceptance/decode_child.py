"""Runs one batch of windows through the real engine and says what that took.

`python -m acceptance.decode_child TASK`, with a task as `Task.text` writes it.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

from acceptance.child_tools import LONG_PROMPT, end_token, errors_said, free_now, prepare, windows
from acceptance.children import say
from acceptance.values import Task, task_of
from bili2text.gpu.meter import Meter
from bili2text.gpu.pool import DriverPool

_EVERY = 1.0  # seconds between two reports: what a child that is cut off said until then counts
_MIB = 1024 * 1024


def main() -> int:
    """Return 0 when the batch was decoded, or failed in a way that was said."""
    task = task_of(sys.argv[1])
    prepare(task)
    look = free_now(task)
    pool = DriverPool(0) if task.device == "cuda" else None
    say({"free_before_mib": look()})
    meter = Meter(look, pool)
    end = threading.Event()
    reporter = threading.Thread(target=_report, args=(meter, end), daemon=True)
    reporter.start()
    with errors_said(), meter:
        _decode(task, pool)
    end.set()
    reporter.join()
    say({"measured": asdict(meter.measured), "free_after_close_mib": look()})
    return 0


def _decode(task: Task, pool: DriverPool | None) -> None:
    from bili2text.transcribe.ct2 import Ct2Engine
    from bili2text.transcribe.engine import DecodeOptions, Load, Window

    setting = task.setting
    options = DecodeOptions(
        beam_size=setting.beam_size,
        best_of=setting.best_of,
        encoder_batch=setting.encoder_batch,
        word_timestamps=setting.word_timestamps,
        # one window that fails is as large as the next: one temperature shows what it takes
        temperatures=(0.0, 0.2) if task.longest else (0.0,),
        suppress_tokens=(-1, end_token(task.folder)) if task.longest else (-1,),
        initial_prompt=LONG_PROMPT if task.longest else None,
    )
    began = time.monotonic()
    engine = Ct2Engine(Load(Path(task.folder), task.device, 0, setting.compute_type), options)
    say({"load_seconds": round(time.monotonic() - began, 2), "compute_type": engine.compute_type})
    if pool is not None and task.keep_mib:
        say({"kept": pool.keep(task.keep_mib * _MIB)})
    sounds = tuple(Window(samples, "en") for samples in windows(task.sound, setting.batch_size))
    for turn in range(task.turns):
        began = time.monotonic()
        decoded = engine.decode(sounds)
        seconds = time.monotonic() - began
        heard = sum(len(window.samples) for window in sounds) / 16000
        say({"turn": turn + 1, "decode_seconds": round(seconds, 2), "speed": round(heard / seconds, 2)})
    state = pool.state() if pool is not None else None
    if state is not None:
        say({"pool_after_mib": {"reserved": state.reserved // _MIB, "used": state.used // _MIB}})
    say({
        "tokens": max(len(one.tokens) for one in decoded),
        "again": sum(one.temperature > 0 for one in decoded),
        "text": "" if task.longest else " ".join(s.text.strip() for one in decoded for s in one.segments),
    })  # fmt: skip
    engine.close()


def _report(meter: Meter, end: threading.Event) -> None:
    while not end.wait(_EVERY):
        say({"measured": asdict(meter.measured)})


if __name__ == "__main__":
    sys.exit(main())
