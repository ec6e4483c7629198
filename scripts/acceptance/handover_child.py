"""Transcribes and translates recordings by the whole program, and says what happens when.

`python -m acceptance.handover_child ERRAND`: at each event, what is free on the card and how many models'
processes there are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

from acceptance.child_tools import errors_said
from acceptance.children import say
from acceptance.values import Errand, Json, errand_of
from bili2text import handover
from bili2text.errors import Bili2TextError
from bili2text.gpu.allocator import TORCH_NAMES
from bili2text.gpu.probe import free_mib_now
from bili2text.plan.values import Wishes
from bili2text.progress import Silent
from bili2text.request import Failed, ModelPlace, Outcome, Output, Request
from bili2text.settings import environment
from bili2text.transcribe.run import Listening
from bili2text.translation_request import Translated, Translation, TranslationRequest, Untranslated
from bili2text.translators.values import TranslatorWishes

_TOLD = ("loading ", "loaded ", "plan: ")  # the notes that tell of a model


class Telling(Silent):
    """A progress that says what is noted of models, and how the card is then."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._events: list[Json] = []

    def note(self, text: str) -> None:
        """Pass a note on where it tells of a model."""
        if text.startswith(_TOLD):
            self.event(text)

    def warn(self, text: str) -> None:
        """Pass a warning on."""
        self.event(f"warning: {text}")

    def event(self, text: str) -> None:
        """Say that something happened."""
        models = psutil.Process().children()
        event: Json = {
            "what": self._errand.named(text),
            "free_mib": free_mib_now(self._errand.uuid) if self._errand.uuid else None,
            "models": len(models),
        }
        if text.startswith("loaded ") and models:
            told = max(models, key=lambda one: one.create_time()).environ()
            event["environment"] = {name: told.get(name) for name in TORCH_NAMES}
        self._events.append(event)
        say({"events": self._events})


def main() -> int:
    """Return 0 when the run ended, well or in a way that was said."""
    errand = errand_of(sys.argv[1])
    with errors_said():
        _run(errand)
    return 0


def _run(errand: Errand) -> None:
    request = Request(
        errand.sources,
        models=ModelPlace(offline=True),
        wishes=Wishes(model=errand.whisper, device=errand.device),
        listening=Listening(language="en"),
        output=Output(folder=errand.work, formats="srt"),
        fresh=True,
    )
    wanted = TranslationRequest(
        errand.target,
        wishes=TranslatorWishes(
            model_path=Path(errand.translator), device=errand.device, batch_size=errand.batch_size
        ),
        resident=False,
        fresh=True,
    )
    telling = Telling(errand)
    telling.event("begun")
    translated: list[Json] = []
    for outcome in handover.run(request, wanted, telling, environment()):
        if (error := _wrong(outcome)) is not None:
            say({"error": type(error).__name__, "message": errand.named(error.message)})
            return
        if isinstance(outcome, Translation):
            telling.event("translated")
            translated.append(_row(outcome))
            say({"translated": translated})
        else:
            telling.event("transcribed")
    telling.event("ended")


def _wrong(outcome: Outcome | Translated) -> Bili2TextError | None:
    if isinstance(outcome, Failed):
        return outcome.error
    return outcome.why if isinstance(outcome, Untranslated) else None


def _row(done: Translation) -> Json:
    names = ("engine", "precision", "batch_size", "device", "device_name", "steps")
    told = {name: done.details.get(name) for name in names}
    counts = {name: getattr(done, name) for name in ("lines", "sentences", "review", "missing")}
    return {**counts, **told, "seconds": round(done.seconds, 2)}


if __name__ == "__main__":
    sys.exit(main())
