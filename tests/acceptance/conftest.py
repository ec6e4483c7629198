"""The card and its ballast as stand-ins; the engine, the models, the speech and the children are real."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from acceptance.ballast import Ballast  # noqa: E402 - found by the line above
from acceptance.bench import Bench, Models, child_environ, speech  # noqa: E402
from acceptance.translators import Translators  # noqa: E402
from acceptance.values import Asked, Task  # noqa: E402

from bili2text.gpu.known import simulated  # noqa: E402
from bili2text.models.store import Places  # noqa: E402
from bili2text.translators.values import Shape  # noqa: E402

TINY = Shape(2, 128, 256, 4, 2, 128, 52224, tied=True)  # as wide as the tokenizer of the model that lends it


@dataclass
class Card:
    """A card of which somebody holds a part, and ballast another."""

    total: int = 8192
    neighbours: int = 300
    held: int = 0

    def free_now(self) -> int | None:
        return self.total - self.neighbours - self.held

    def hold(self, mib: int) -> int:
        self.held = min(mib, self.total - self.neighbours)
        return self.held

    @contextmanager
    def ballast(self) -> Iterator[Ballast]:
        yield self
        self.held = 0


@dataclass(frozen=True, slots=True)
class OneModel(Models):
    """The same small model under every name: what runs is real, what is planned may be large."""

    def folder(self, name: str) -> tuple[Path, bool]:
        return self.made, True


def on_the_cpu(task: Task) -> Task:
    """A task as this computer does it in a few seconds: a small batch, in int8."""
    setting = replace(task.setting, compute_type="int8", batch_size=1, beam_size=1, best_of=2)
    return replace(task, device="cpu", setting=setting)


def asked_on_the_cpu(asked: Asked) -> Asked:
    """The same in little: float32 or int8 is what a CPU computes in any case."""
    batches = tuple(sorted({min(batch, 2) for batch in asked.batches}))
    return replace(asked, device="cpu", precision="auto", batches=batches, prompt=48, reply=8)


@pytest.fixture
def card() -> Card:
    return Card()


@pytest.fixture(scope="session")
def translators(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Translators:
    """Translators of two layers under the names of large ones, made when they are asked for."""
    for name in ("torch", "transformers", "accelerate", "safetensors"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install 'bili2text[qwen]'")
    made = tmp_path_factory.mktemp("translators")
    return Translators((), made, lambda: base_folder, ("Qwen3-0.6B",), None, lambda _: TINY)


@pytest.fixture
def bench(card: Card, tiny_en_folder: Path, samples: Path, tmp_path: Path) -> Bench:
    sound = tmp_path / "speech.wav"
    speech(sorted((samples / "en").glob("*.wav")), sound, seconds=40)
    environ = child_environ({**os.environ, "OMP_NUM_THREADS": "1"}, tmp_path)
    environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), environ["PYTHONPATH"]])
    places = Places(tmp_path / "cache", None, {})
    device = replace(simulated("RTX 4060, 8 GB"), driver="570.86", uuid="GPU-test")
    none = Translators((), tmp_path / "none", lambda: tmp_path, ())
    return Bench(
        device,
        card.free_now,
        card.ballast,
        OneModel(places, tiny_en_folder),
        sound,
        environ,
        none,
        on_the_cpu,
    )


@pytest.fixture
def translating(bench: Bench, translators: Translators) -> Bench:
    """The bench with translators."""
    return replace(bench, translators=translators, adapt_asked=asked_on_the_cpu)
