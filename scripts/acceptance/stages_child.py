"""Takes each stage of a model apart and says what it takes: `python -m acceptance.stages_child TASK`.

CTranslate2's own calls, as transcribe/ct2.py makes them, with a text that is as long as it can be.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acceptance.child_tools import (
    LONG_PROMPT,
    Gauge,
    end_token,
    errors_said,
    gauge,
    prepare,
    windows,
)
from acceptance.children import say
from acceptance.values import Task, task_of
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.plan.stages import MARKING, SPOKEN
from bili2text.transcribe.ct2_errors import translated

_FRAMES = 3000  # of log-mel in a window
_TOLD = 223  # tokens of a prompt before the text (transcribe/ct2.py)
_WORDS = 200  # tokens of a text whose words are timed, or whose marks are asked for


def main() -> int:
    """Return 0 when all stages were run, or one failed in a way that was said."""
    task = task_of(sys.argv[1])
    prepare(task)
    with errors_said(), translated("the GPU"):
        _stages(task, gauge(task))
    return 0


def _stages(task: Task, measure: Gauge) -> None:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

    setting = task.setting
    with _stage("load", measure):
        whisper = WhisperModel(
            task.folder, device=task.device, compute_type=setting.compute_type, local_files_only=True
        )
        model = whisper.model
    mel = _mel(whisper, task)
    tokenizer = Tokenizer(whisper.hf_tokenizer, model.is_multilingual, task="transcribe", language="en")
    told = tokenizer.encode(LONG_PROMPT)[:_TOLD]
    prompt = [tokenizer.sot_prev, *told, *tokenizer.sot_sequence]
    endless = {"max_length": 448, "suppress_tokens": [-1, end_token(task.folder)], "return_scores": True}
    with _stage("encoder", measure):
        encoded = whisper.encode(mel)
    with _stage("decoder", measure):
        said = model.generate(encoded, [prompt] * len(mel), beam_size=setting.beam_size, **endless)
    say({"tokens": len(prompt) + max(len(one.sequences_ids[0]) for one in said)})
    with _stage("again", measure):
        alone = whisper.encode(mel[:1])
        sampling = {"beam_size": 1, "num_hypotheses": setting.best_of, "sampling_topk": 0}
        model.generate(alone, [prompt], sampling_temperature=0.2, **sampling, **endless)
        del alone
    with _stage("words", measure):
        spoken = [50 + number for number in range(_WORDS)]
        model.align(encoded, list(tokenizer.sot_sequence), [spoken] * len(mel), _FRAMES)
    row = model.encode(StorageView.from_array(mel[:1]), to_cpu=True)
    with _stage("marks", measure):
        shown = [tokenizer.sot_prev, *told[: MARKING - SPOKEN - 1], *tokenizer.sot_sequence]
        model.align(row, shown, [spoken], _FRAMES, median_filter_width=1)


def _mel(whisper: Any, task: Task) -> NDArray[np.float32]:  # noqa: ANN401 - faster-whisper has no types
    rows = []
    for samples in windows(task.sound, task.setting.batch_size):
        padded = np.pad(samples, (0, 30 * SAMPLE_RATE - len(samples)))
        rows.append(whisper.feature_extractor(padded)[..., :_FRAMES])
    return np.stack(rows)


@contextmanager
def _stage(name: str, measure: Gauge) -> Iterator[None]:
    measure.reset()
    yield
    say({name: measure.peak()})


if __name__ == "__main__":
    sys.exit(main())
