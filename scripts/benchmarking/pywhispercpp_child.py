"""Run in pywhispercpp's venv: AUDIO MODEL THREADS [LANGUAGE]. One line for each segment."""

from __future__ import annotations

import sys

from pywhispercpp.model import Model  # type: ignore[import-not-found]

audio, model, threads, *language = sys.argv[1:]
engine = Model(
    model, n_threads=int(threads), language=language[0] if language else "auto", print_progress=False
)
engine.transcribe(audio, new_segment_callback=lambda part: print(f"segment: {part.text.strip()}", flush=True))
