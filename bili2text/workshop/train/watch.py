"""What happens beside the steps of a training: progress, the log, and the reasons to end it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from bili2text.files import storage_error, write_whole
from bili2text.progress import Stage

_OURS = ("loss", "learning_rate", "grad_norm")


class Watch(TrainerCallback):  # type: ignore[misc, unused-ignore]  # it has no types
    """Advances a stage, ends the training at a step or by patience, and keeps the log."""

    def __init__(self, stage: Stage, log: Path, until: int, patience: int) -> None:
        self._stage, self._log = stage, log
        self._until, self._patience = until, patience

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Count the step; at the last one of this time, save and end."""
        del args, kwargs
        self._stage.advance(1)
        if state.global_step >= self._until:
            control.should_save = control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: object,
    ) -> None:
        """Write a line of the log. Raises StorageError."""
        del args, control, kwargs
        told = {name: value for name, value in (logs or {}).items() if name in _OURS or "eval_" in name}
        if "loss" not in told and "eval_loss" not in told:
            return
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": state.global_step, **told}) + "\n")
        except OSError as error:
            raise storage_error(error, self._log) from error

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """End it where patience is at its end."""
        del args, kwargs
        if impatient(losses_of(state.log_history), self._patience):
            control.should_save = control.should_training_stop = True


def losses_of(history: Sequence[Mapping[str, float]]) -> list[float]:
    """Return the loss of each evaluation in a training's history, which its checkpoints keep."""
    return [one["eval_loss"] for one in history if "eval_loss" in one]


def impatient(losses: Sequence[float], patience: int) -> bool:
    """Return whether the last `patience` evaluations brought no lower loss than those before; 0 never is."""
    if not patience or len(losses) <= patience:
        return False
    return min(losses[-patience:]) >= min(losses[:-patience])


def rewind(log: Path, step: int) -> None:
    """Take out of a log what was written after a step: a training that goes on from there writes it again.

    Raises StorageError.
    """
    if not log.exists():
        return
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise storage_error(error, log) from error
    write_whole(log, "".join(f"{line}\n" for line in lines if _at_most(line, step)), overwrite=True)


def _at_most(line: str, step: int) -> bool:
    try:
        return bool(json.loads(line)["step"] <= step)
    except (ValueError, TypeError, KeyError):  # the line a killed process did not finish
        return False
