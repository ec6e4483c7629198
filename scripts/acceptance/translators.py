"""The translators that are measured: real ones that were given, and ones of random weights for the rest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import decoders

from bili2text.errors import ModelError
from bili2text.translators import folders
from bili2text.translators.catalog import card_of
from bili2text.translators.convert import convert
from bili2text.translators.values import FoundModel, Shape

SHAPES = ("Qwen3-0.6B", "Qwen3-1.7B", "Qwen3-4B")
_CONVERTED = "-ct2-int8"
_FLOAT8 = "-FP8"


@dataclass(frozen=True, slots=True)
class Given:
    """A translator to measure."""

    model: FoundModel
    real: bool  # its weights are

    @property
    def weights(self) -> str:
        """Return the word for its weights."""
        return "real" if self.real else "random"


@dataclass(frozen=True, slots=True)
class Translators:
    """Folders of translators: of random weights, and links to real ones with their conversions."""

    given: tuple[Path, ...]  # folders of models, or folders of such
    made: Path
    like: Callable[[], Path]  # a Whisper model's folder, for its tokenizer
    shapes: tuple[str, ...] = SHAPES  # made where no model of the name was given; the smallest first
    pairs: Path | None = None  # sentences with translations, for what only real weights can tell
    shape: Callable[[str], Shape] = lambda name: _shape(name)

    def shelf(self) -> Path:
        """Return a folder that holds all of `plain`, as a user's would."""
        models = [one.model for one in self.plain()]
        folder = self.made / "shelf"
        shutil.rmtree(folder, ignore_errors=True)  # links alone: what they lead to stays
        folder.mkdir(parents=True)
        for model in models:
            (folder / model.name).symlink_to(model.path.resolve(), target_is_directory=True)
        return folder

    def plain(self) -> Iterator[Given]:
        """Yield each model in safetensors that is not FP8, the real ones first; makes what is missing.

        Raises ModelError for a folder given that holds none, and what `decoders.make` raises.
        """
        given = self._real()
        yield from (one for one in given if one.model.engine == "transformers" and not one.model.quantization)
        for name in self.shapes:
            if all(one.model.name != name for one in given):
                yield self._made(name, name)

    def smallest(self) -> Given:
        """Return the model that takes least: a real one before noise, and of those one for torch."""
        given = sorted(self._real(), key=lambda one: one.model.engine != "transformers")
        return given[0] if given else next(self.plain())

    def converted(self, given: Given) -> Given:
        """Return a model's conversion to CTranslate2 in int8. Raises what `convert` raises."""
        target = self._place(real=given.real) / f"{given.model.name}{_CONVERTED}"
        if not target.exists():
            convert(given.model.path, target)
        return Given(folders.look(target), given.real)

    def float8(self, name: str) -> Given:
        """Return a real FP8 model where one was given, else one of random weights in this shape."""
        real = [one for one in self._real() if one.model.quantization == "fp8"]
        return real[0] if real else self._made(name, f"{name}{_FLOAT8}", float8=True)

    def _made(self, name: str, called: str, *, float8: bool = False) -> Given:
        folder = self._place(real=False) / called
        if not (folder / "model.safetensors").is_file():
            decoders.make(folder, self.shape(name), self.like(), float8=float8)
        return Given(folders.look(folder), real=False)

    def _real(self) -> list[Given]:
        """Return what was given, by links of its own name: where it lies is nobody's business."""
        found = []
        for model in [model for folder in self.given for model in folders.scan(folder)]:
            link = self._place(real=True) / model.name
            if link.resolve() != model.path.resolve():
                link.unlink(missing_ok=True)  # of an earlier run
                link.symlink_to(model.path.resolve(), target_is_directory=True)
            found.append(Given(folders.look(link, model.name), real=True))
        return sorted(found, key=lambda one: one.model.weight_bytes)

    def _place(self, *, real: bool) -> Path:
        folder = self.made / ("real" if real else "random")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _shape(name: str) -> Shape:
    card = card_of(name)
    if card is None or card.shape is None:
        raise ModelError(f"no shape is known of {name}", hint=f"one of: {', '.join(SHAPES)}")
    return card.shape
