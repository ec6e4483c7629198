"""Translates subtitles by the whole program, and waits after its first sentence until it is told to go on.

`python -m acceptance.squeeze_child ERRAND`: what the neighbour takes meanwhile, the run must do without.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from acceptance.child_tools import errors_said
from acceptance.children import say
from acceptance.values import Errand, errand_of
from bili2text.captions.read import read
from bili2text.captions.values import Line
from bili2text.progress import Silent, Stage
from bili2text.settings import environment
from bili2text.translating import Translating
from bili2text.translation_request import Translation, TranslationOutput, TranslationRequest
from bili2text.translators.values import TranslatorWishes


class Halting(Silent):
    """A progress that holds the run up after its first sentence, and says what it was warned of."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self.warnings: list[str] = []
        self.halted = False

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        """Return a stage; that of translating halts once."""
        return _Halt(self) if name == "translate" else super().stage(name, total, unit)

    def warn(self, text: str) -> None:
        """Pass a warning on."""
        self.warnings.append(self._errand.named(text))
        say({"warnings": self.warnings})


class _Halt:
    def __init__(self, progress: Halting) -> None:
        self._progress = progress

    def advance(self, amount: float) -> None:
        if not self._progress.halted:
            self._progress.halted = True
            say({"halted": amount})
            sys.stdin.readline()

    def grow(self, total: float) -> None: ...

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def main() -> int:
    """Return 0 when the run ended, well or in a way that was said."""
    errand = errand_of(sys.argv[1])
    with errors_said():
        _run(errand)
    return 0


def _run(errand: Errand) -> None:
    request = TranslationRequest(
        errand.target,
        source="en",
        wishes=TranslatorWishes(
            model_path=Path(errand.translator), device=errand.device, batch_size=errand.batch_size
        ),
        resident=False,
        fresh=True,
        output=TranslationOutput(folder=errand.work, overwrite=True),
    )
    (source,) = errand.sources
    translating = Translating(request, Halting(errand), environment())
    try:
        done = translating.file(Path(source))
    finally:
        translating.close()
    if not isinstance(done, Translation):
        error = done.why
        said = errand.named(error.message) if error else "it was there already"
        say({"error": type(error).__name__, "message": said})
        return
    before, after = read(Path(source)).lines, read(done.paths[0]).lines
    steps: Any = done.details["steps"]
    names = ("model", "engine", "precision", "batch_size", "device", "device_name")
    say({
        "way": {name: done.details.get(name) for name in names},
        "steps": [errand.named(step["why"]) for step in steps],
        "sentences": done.sentences, "missing": done.missing, "review": done.review, "lines": len(after),
        "lost": len(before) - len(after), "moved": _moved(before, after), "seconds": round(done.seconds, 2),
    })  # fmt: skip


def _moved(before: tuple[Line, ...], after: tuple[Line, ...]) -> int:
    """Return how many lines are shown at another time than before."""
    pairs = zip(before, after, strict=False)
    return sum((one.start, one.end) != (other.start, other.end) for one, other in pairs)


if __name__ == "__main__":
    sys.exit(main())
