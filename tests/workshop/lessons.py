"""Small lessons for tests: real pairs, a tiny student, a vocabulary of its own."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bili2text.progress import Silent
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.text_codec import trained
from bili2text.seq2seq.values import WAYS, Pair
from bili2text.workshop.course import course
from bili2text.workshop.run import Run
from bili2text.workshop.students import STUDENTS, Student
from bili2text.workshop.train.examples import Example, Examples
from bili2text.workshop.train.lesson import Lesson
from bili2text.workshop.values import DecodeSettings, TrainSettings

SMALLEST = Student("smallest", 32, 2, 1, 1, 64, 2_000, 64)
GREEDY = DecodeSettings(beams=1, max_tokens=64)
BY_HEART = TrainSettings(
    batch=16, epochs=24, lr=3e-3, warmup=0.2, weight_decay=0.0, eval_every=10_000, save_every=10_000
)  # fmt: skip


def vocabulary(pairs: Sequence[Pair], size: int = 2_000) -> Codec:
    """A vocabulary of the tiny student's size."""
    return trained((text for pair in pairs for text in (pair.zh, pair.en)), size)


def examples(pairs: Sequence[Pair], codec: Codec) -> list[Example]:
    """Both directions of every pair, those of a pair beside each other."""
    return [
        Example(way, tuple(codec.source(pair.source(way), way)), tuple(codec.target(pair.target(way), way)))
        for pair in pairs
        for way in codec.ways
    ]


def ordered(found: Sequence[Example], train: TrainSettings, seed: int = 1) -> list[Example]:
    """The examples of all epochs in the order of training."""
    import numpy as np

    lengths = np.array([len(one.source) + len(one.labels) for one in found])
    return [found[place] for place in course(lengths, train, seed)]


def lesson(folder: Path, found: Sequence[Example], train: TrainSettings, *, dev: int = 0) -> Lesson:
    """A lesson over the examples, on the CPU; `dev` of them in each direction are also held out."""
    order = ordered(found, train)
    held = {way: [one for one in found if one.way == way][:dev] for way in WAYS} if dev else {}
    return Lesson(
        Run(folder), train, GREEDY, order, len(order) // (train.batch * train.accumulate), held, device="cpu"
    )


def learn_by_heart(folder: Path, pairs: Sequence[Pair]) -> Run:
    """Train the tiny student on the pairs until it knows them, and save it as a run."""
    from bili2text.workshop.train.model import build, save_model
    from bili2text.workshop.train.trainer import train

    codec = vocabulary(pairs)
    made = lesson(folder, examples(pairs, codec), BY_HEART)
    model = build(replace(STUDENTS["tiny"], vocab=codec.size), codec, seed=1, dropout=0.0)
    train(made, model, codec, Silent())
    save_model(model, codec, made.run)
    return made.run


def fingerprint(checkpoint_or_model: Path) -> str:
    """The sha256 of the weights in a folder."""
    return hashlib.sha256((checkpoint_or_model / "model.safetensors").read_bytes()).hexdigest()


class Remarks(Silent):
    """A Progress that keeps what was said."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)

    warn = note


class Hooked:
    """Examples that call a hook with the place before one is read."""

    def __init__(self, examples: Examples, hook: Callable[[int], None]) -> None:
        self._examples, self._hook = examples, hook

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, place: int) -> Example:
        self._hook(place)
        return self._examples[place]


def in_a_child(work: Callable[[], None]) -> int | None:
    """Do work in a forked process and return its exit code, negative for the signal that ended it."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    return child.exitcode
