"""A translator of the workshop that has learned a handful of sentences by heart, in seconds."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bili2text.seq2seq.values import Pair

PAIRS = (
    Pair("我们明天去北京。", "We are going to Beijing tomorrow."),
    Pair("他每天早上喝咖啡。", "He drinks coffee every morning."),
    Pair("这本书很有意思。", "This book is very interesting."),
    Pair("你喜欢听音乐吗？", "Do you like listening to music?"),
    Pair("外面下着大雨。", "It is raining hard outside."),
    Pair("谢谢你的帮助。", "Thank you for your help."),
    # two at once: in few positions there is room for the source, and none for all of its translation
    Pair("外面下着大雨。谢谢你的帮助。", "It is raining hard outside. Thank you for your help."),
)
WAYS = ("zh-en", "en-zh")
POSITIONS = 64
_STEPS = 120


@cache
def run() -> Path:
    """Return the folder of its run, made once a session; skips where torch is missing."""
    for name in ("torch", "transformers", "safetensors"):
        pytest.importorskip(name)
    folder = Path(tempfile.mkdtemp(prefix="small-run-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return _made(folder / "small")


def converted(precision: str = "float32") -> Path:
    """Return the folder of its model for CTranslate2."""
    return run() / f"ct2-{precision}"


def _made(folder: Path) -> Path:
    from bili2text.seq2seq import text_codec
    from bili2text.seq2seq.folder import VOCABULARY, write_product
    from bili2text.workshop.run import Run
    from bili2text.workshop.students import Student
    from bili2text.workshop.train.convert import convert
    from bili2text.workshop.train.model import build, save_model

    codec = text_codec.trained([text for pair in PAIRS for text in (pair.zh, pair.en)], 560)
    student = Student("small", 64, 2, 1, 1, 128, codec.size, POSITIONS)
    model = _taught(build(student, codec, seed=1), codec)
    run = Run(folder)
    folder.mkdir()
    save_model(model, codec, run)
    for precision in ("float32", "int8"):
        target = run.converted(precision)
        convert(run.model, codec, target, precision)
        codec.save(target / VOCABULARY)
        write_product(target, name="small", ways=WAYS, positions=POSITIONS, parameters=student.parameters)
    return folder


def _taught(model: Any, codec: Any) -> Any:
    """Train on all pairs at once, without dropout: what it knows is these sentences."""
    import torch

    torch.set_num_threads(1)
    model.eval()
    sources, labels = [], []
    for pair in PAIRS:
        for way in WAYS:
            sources.append(codec.source(pair.source(way), way))
            labels.append(codec.target(pair.target(way), way))

    def padded(rows: list[list[int]], filling: int) -> Any:
        longest = max(map(len, rows))
        return torch.tensor([[*row, *[filling] * (longest - len(row))] for row in rows])

    read, wanted = padded(sources, codec.pad), padded(labels, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        model(input_ids=read, attention_mask=(read != codec.pad).long(), labels=wanted).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model
