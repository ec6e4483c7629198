"""Run in faster-whisper's venv: AUDIO MODEL THREADS BATCH [LANGUAGE]. One line for each segment."""

from __future__ import annotations

import sys
from typing import Any

from faster_whisper import BatchedInferencePipeline, WhisperModel

audio, model, threads, batch, *language = sys.argv[1:]
loaded = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=int(threads))
engine: Any = BatchedInferencePipeline(loaded) if int(batch) else loaded
settings: dict[str, Any] = {"batch_size": int(batch)} if int(batch) else {}
for segment in engine.transcribe(audio, language=language[0] if language else None, **settings)[0]:
    print(f"segment: {segment.text.strip()}", flush=True)
