"""Transcribes a recording with faster-whisper's BatchedInferencePipeline, again and again.

`python -m acceptance.peer_child TASK`. Its own defaults but for model, precision, batch, beam and language.
Where every window's text is to be of one length, the windows are ours: its own would be others, and fewer or
more of them. Its detector of speech, which would have cut them, runs all the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acceptance.child_tools import forced_on_peer
from acceptance.children import say
from acceptance.clock import LANGUAGE, turns
from acceptance.values import Json, Task, task_of
from bili2text.audio.chunks import CutRules, chunks
from bili2text.audio.decode import Decoder
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.gpu.libraries import load_cublas

_PAUSE_MS = 160  # min_silence_duration_ms that the pipeline gives its detector (faster_whisper/transcribe.py)
_WINDOW = 30.0  # seconds, its max_speech_duration_s


def main() -> int:
    """Return 0 when nobody asks any more, 1 when CUDA's library is missing."""
    task = task_of(sys.argv[1])
    if task.device == "cuda" and (problem := load_cublas()):
        say({"error": "DependencyError", "message": problem})
        return 1
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    began = time.monotonic()
    model = WhisperModel(
        task.folder, device=task.device, compute_type=task.setting.compute_type, local_files_only=True
    )
    pipeline = BatchedInferencePipeline(model)
    say({"load_seconds": round(time.monotonic() - began, 2)})
    counted = _counted(pipeline)
    turns(_in_our_windows(pipeline, task, counted) if task.tokens else _as_it_is(pipeline, task, counted))
    return 0


def _counted(pipeline: Any) -> list[int]:  # noqa: ANN401 - faster-whisper has no types
    """Return where the tokens of each window will be counted: a segment's are not all that were decoded."""
    counted: list[int] = []
    decode = pipeline.generate_segment_batched

    def counting(*given: object) -> Any:  # noqa: ANN401 - as above
        encoded, outputs = decode(*given)
        counted.extend(len(one["tokens"]) for one in outputs)
        return encoded, outputs

    pipeline.generate_segment_batched = counting
    return counted


def _as_it_is(pipeline: Any, task: Task, counted: list[int]) -> Callable[[], Json]:  # noqa: ANN401 - as above
    def run() -> Json:
        counted.clear()
        segments, info = pipeline.transcribe(task.sound, **_common(task))
        return _told(list(segments), info, counted)

    return run


def _in_our_windows(
    pipeline: Any,  # noqa: ANN401 - as above
    task: Task,
    counted: list[int],
) -> Callable[[], Json]:
    from faster_whisper.audio import decode_audio
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    cuts = our_windows(Path(task.sound))
    options = {**_common(task), **forced_on_peer(task)}
    rules = VadOptions(max_speech_duration_s=_WINDOW, min_silence_duration_ms=_PAUSE_MS)

    def run() -> Json:
        counted.clear()
        sound = decode_audio(task.sound)
        get_speech_timestamps(sound, rules)
        segments, info = pipeline.transcribe(sound, clip_timestamps=cuts, **options)
        return _told(list(segments), info, counted)

    return run


def our_windows(sound: Path) -> list[dict[str, float]]:
    """Return where our program cuts a recording, in seconds, as faster-whisper wants it."""
    with Decoder(sound) as decoder:
        blocks = (block.samples for block in decoder.blocks())
        return [
            {"start": one.start, "end": one.end}
            for one in chunks(judged(blocks, SpeechDetector()), CutRules())
        ]


def _common(task: Task) -> dict[str, Any]:
    setting = task.setting
    return {"language": LANGUAGE, "batch_size": setting.batch_size, "beam_size": setting.beam_size}


def _told(segments: list[Any], info: Any, counted: list[int]) -> Json:  # noqa: ANN401 - as above
    return {
        "words": len(" ".join(one.text for one in segments).split()),
        "windows": len(counted),
        "tokens": sum(counted),
        "seconds_of_sound": info.duration,
    }


if __name__ == "__main__":
    sys.exit(main())
