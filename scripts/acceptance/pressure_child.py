"""Runs the whole program on a recording, and waits after its first chunk until it is told to go on.

`python -m acceptance.pressure_child TASK`: what the neighbour takes meanwhile, the run must do without.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from acceptance.child_tools import errors_said
from acceptance.children import say
from acceptance.values import Task, task_of
from bili2text import pipeline
from bili2text.plan.values import Wishes
from bili2text.progress import Silent, Stage
from bili2text.request import ModelPlace, Output, Request, Result
from bili2text.settings import environment
from bili2text.transcribe.run import Listening


class Halting(Silent):
    """A progress that holds the run up after its first chunk, and says what it was warned of."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.warnings: list[str] = []
        self.halted = False

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        """Return a stage; that of transcribing halts once."""
        return _Halt(self) if name == "transcribe" else super().stage(name, total, unit)

    def warn(self, text: str) -> None:
        """Pass a warning on."""
        self.warnings.append(_named(text, self._task))
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
    task = task_of(sys.argv[1])
    with errors_said():
        _run(task)
    return 0


def _run(task: Task) -> None:
    request = Request(
        (task.sound,),
        models=ModelPlace(offline=True),
        wishes=Wishes(
            model=task.folder,
            device=task.device,
            batch_size=task.setting.batch_size,
            beam_size=task.setting.beam_size,
        ),
        listening=Listening(language="en"),
        output=Output(folder="-", formats="txt"),
        fresh=True,  # what an earlier run heard would not be heard again
    )
    for outcome in pipeline.run(request, Halting(task), environment()):
        if not isinstance(outcome, Result):
            error = getattr(outcome, "error", None)
            say({"error": type(error).__name__, "message": str(error)})
            return
        segments = outcome.document.transcript.segments
        pin = outcome.pin
        way = f"{pin.compute_type}, batch {pin.batch_size}, on {pin.device_name}"
        say({
            "way": way,
            "steps": [_named(why, task) for why in outcome.report.steps],
            "text": " ".join(segment.text.strip() for segment in segments),
            "ends_at": segments[-1].end if segments else 0.0,
            "memory": outcome.report.facts.get("memory"),
        })  # fmt: skip


def _named(text: str, task: Task) -> str:
    """Return a text with the model's name for its folder: where that lies is nobody's business."""
    return text.replace(task.folder, Path(task.folder).name)


if __name__ == "__main__":
    sys.exit(main())
