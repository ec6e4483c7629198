"""What the sections work with: the card, its ballast, models of any shape, a recording, and children."""

from __future__ import annotations

import os
import sys
import wave
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from shapes import make

from acceptance.ballast import Ballast, ballast
from acceptance.children import Ended, Kept, ask
from acceptance.translators import SHAPES, Translators
from acceptance.values import Asked, Deadline, Errand, Json, Task
from bili2text.audio.decode import Decoder
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import Bili2TextError
from bili2text.gpu import allocator
from bili2text.gpu.device import Cards, Device
from bili2text.gpu.probe import free_mib_now
from bili2text.models.catalog import card_named
from bili2text.models.store import Places, find
from bili2text.plan.choose import choose
from bili2text.plan.footprint import Setting
from bili2text.plan.machine import cores, free_ram_gib
from bili2text.plan.values import Machine, Plan, Stock, Wishes
from bili2text.translators.engine import Load
from bili2text.translators.remote import child_environment

SPEECH_SECONDS = 240.0  # of the recording; a batch that is longer hears it again
_LIBRARIES = ("libcublas", "libcublasLt")


@dataclass(frozen=True, slots=True)
class Models:
    """Models by name: the real one where it is on this disk, else one of its shape with random weights."""

    places: Places
    made: Path

    def folder(self, name: str) -> tuple[Path, bool]:
        """Return a model's folder and whether its weights are real. Raises ValueError without a real base."""
        found = find(name, self.places)
        if found is not None:
            return found.path, True
        card, like = card_named(name), find("base", self.places)
        if card is None or like is None:
            raise ValueError("the real model base is needed: pip install 'bili2text[embedded]'")
        folder = self.made / card.name
        if not (folder / "model.bin").is_file():
            make(folder, card.dims, like.path)
        return folder, False


@dataclass(frozen=True, slots=True)
class Bench:
    """A card and all that touches it; a test puts its own in the place of what needs a driver."""

    device: Device
    free_now: Callable[[], int | None]
    ballast: Callable[[], AbstractContextManager[Ballast]]
    models: Models
    sound: Path
    environ: Mapping[str, str]  # of the children
    translators: Translators
    adapt: Callable[[Task], Task] = lambda task: task  # to where the children compute
    adapt_asked: Callable[[Asked], Asked] = lambda asked: asked
    adapt_errand: Callable[[Errand], Errand] = lambda errand: errand

    def task(self, folder: Path, setting: Setting, *, longest: bool = True) -> Task:
        """Return a task on this card."""
        return Task(str(folder), str(self.sound), setting, uuid=self.device.uuid, longest=longest)

    def run(
        self,
        module: str,
        task: Task,
        seconds: float,
        extra: Mapping[str, str] | None = None,
        answer: Callable[[Json], str | None] = lambda _: None,
    ) -> Ended:
        """Run a child of this package on a task, with `extra` in its environment."""
        environ = {**self.environ, **(extra or {})}
        return ask(f"acceptance.{module}", self.adapt(task).text(), environ, seconds, answer)

    def kept(self, module: str, task: Task, environ: Mapping[str, str]) -> Kept:
        """Return a child of this package that does a task each time it is asked; it has not begun."""
        return Kept(f"acceptance.{module}", self.adapt(task).text(), environ)

    def translate(self, asked: Asked, seconds: float, extra: Mapping[str, str] | None = None) -> Ended:
        """Run a translator in a child with the environment that the program gives to its own."""
        asked = self.adapt_asked(asked)
        load = Load(Path(asked.folder), asked.engine, asked.device)
        environ = child_environment(self.environ, load, asked.uuid, self.device.total_mib)
        return ask("acceptance.translate_child", asked.text(), {**environ, **(extra or {})}, seconds)

    def errand(
        self,
        module: str,
        errand: Errand,
        seconds: float,
        answer: Callable[[Json], str | None] = lambda _: None,
    ) -> Ended:
        """Run a child of this package on an errand."""
        return ask(
            f"acceptance.{module}", self.adapt_errand(errand).text(), self.environ, max(5.0, seconds), answer
        )

    def machine(self, free_mib: int) -> Machine:
        """Return this computer with its one card and so much free on it."""
        card = replace(self.device, free_mib=free_mib, holders=())
        return Machine(Cards((card,)), free_ram_gib(), cores(), library=version("ctranslate2"))

    def planned(self, free_mib: int) -> Plan:
        """Return what the program would do with so much free and any model at hand. Raises OutOfMemory.

        Nothing that earlier runs taught counts: the formula is what is examined.
        """
        wishes = Wishes(device=f"cuda:{self.device.index}", cpu_fallback=False)
        return choose(wishes, self.machine(free_mib), Stock((), may_download=True))


def bench(
    device: Device,
    places: Places,
    work: Path,
    sounds: Sequence[Path],
    cublas: Path | None,
    translators: Sequence[Path] = (),
    shapes: Sequence[str] = SHAPES,
    pairs: Path | None = None,
) -> Bench:
    """Return the bench of a real card; what it makes lies below `work`.

    Raises Bili2TextError when a sound cannot be read, OSError when the disk does not take what is made.
    """
    environ = _environ(device, work, cublas)
    sound = work / "speech.wav"
    speech(sounds, sound)
    models = Models(places, work / "models")
    return Bench(
        device,
        lambda: free_mib_now(device.uuid),
        lambda: ballast(environ),
        models,
        sound,
        environ,
        Translators(
            tuple(translators), work / "translators", lambda: models.folder("base")[0], tuple(shapes), pairs
        ),
    )


def speech(sounds: Sequence[Path], target: Path, seconds: float = SPEECH_SECONDS) -> None:
    """Write a wav of the recordings, one after the other and again, half a second of silence after each."""
    parts = []
    for path in sounds:
        with Decoder(path) as decoder:
            parts += [block.samples for block in decoder.blocks()]
        parts.append(np.zeros(SAMPLE_RATE // 2, np.float32))
    if not parts:
        raise Bili2TextError("there is no recording to transcribe", hint="name one with --sound")
    whole = np.resize(np.concatenate(parts), round(seconds * SAMPLE_RATE))
    target.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(whole, -1, 1) * 32767).astype("<i2").tobytes())


def child_environ(environ: Mapping[str, str], work: Path) -> dict[str, str]:
    """Return the environment of the children: our modules, offline, and a cache that is not the user's."""
    kept = {name: value for name, value in environ.items() if not name.startswith("BILI2TEXT_")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HF_HUB_OFFLINE": "1",
        "BILI2TEXT_CACHE_DIR": str(work / "cache"),
        "BILI2TEXT_CONFIG": str(work / "settings.toml"),
    }


def _environ(device: Device, work: Path, cublas: Path | None) -> dict[str, str]:
    environ = child_environ(os.environ, work)
    environ |= {"CUDA_VISIBLE_DEVICES": device.uuid, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    environ |= allocator.whisper_environment(environ, sys.platform, total_mib=device.total_mib)
    if cublas is not None:
        folders = (str(_linked(cublas, work / "cublas")), str(cublas), os.environ.get("LD_LIBRARY_PATH", ""))
        environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, folders))
    return environ


def _linked(cublas: Path, links: Path) -> Path:
    """Return a folder where cuBLAS of any version is called 12, the name CTranslate2 asks for."""
    links.mkdir(parents=True, exist_ok=True)
    for name in _LIBRARIES:
        there = sorted(cublas.glob(f"{name}.so.[0-9]*"))
        link = links / f"{name}.so.12"
        link.unlink(missing_ok=True)
        if there and not (cublas / link.name).exists():
            link.symlink_to(there[0].resolve())
    return links


def remaining(deadline: Deadline, parts: int) -> float:
    """Return a fair share of the time left for the first of so many parts, in seconds."""
    return deadline.left / max(1, parts)
