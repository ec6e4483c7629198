"""One student that learns from labelled shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bili2text.progress import Progress
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.values import Way
from bili2text.workshop import checkpoints
from bili2text.workshop.distillation.lessons import ShardExamples, Usable
from bili2text.workshop.presets import save
from bili2text.workshop.run import Run
from bili2text.workshop.students import Student
from bili2text.workshop.train.examples import Example
from bili2text.workshop.train.lesson import Device, Lesson, Trained
from bili2text.workshop.train.model import build, save_model
from bili2text.workshop.train.trainer import train
from bili2text.workshop.values import Preset

_FEW = 0.9  # of the samples asked for: with fewer the others come again often enough to be told


@dataclass(frozen=True, slots=True)
class Pupil:
    """A student, its vocabulary, and all that it is to learn."""

    student: Student
    run: Run
    codec: Codec
    examples: ShardExamples
    preset: Preset
    dev: Mapping[Way, Sequence[Example]]
    device: Device = "auto"
    compile: bool = False

    @property
    def step(self) -> int:
        """The step of the newest checkpoint, 0 without one."""
        last = checkpoints.newest(self.run.checkpoints)
        return checkpoints.step_of(last) if last else 0

    def learn(self, visit: int, progress: Progress) -> Trained:
        """Train to the end of a visit to a shard, which must be on the disk, from wherever the run is.

        A checkpoint of that step is on the disk when this returns. Raises as trainer.train does, ModelError
        for a shard that cannot be read.
        """
        until = self.examples.steps_until(visit)
        if self.step < until:
            self._tell(self.examples.usable(visit), progress)
        return self._train(until, progress)

    def finish(self, progress: Progress) -> Trained:
        """Train what is left, and write the model and its vocabulary into the run. Raises as `learn` does."""
        return self._train(None, progress, keep=True)

    def let_go(self) -> None:
        """Close the shard that is open, so that it can be removed."""
        self.examples.close()

    def _tell(self, found: Usable, progress: Progress) -> None:
        if found.kept < _FEW * found.asked:
            long = f", {found.too_long:,} are too long for it" if found.too_long else ""
            progress.warn(f"{self.student.name} learns {found.kept:,} of {found.asked:,} samples{long}")

    def _train(self, until: int | None, progress: Progress, *, keep: bool = False) -> Trained:
        seed = self.preset.data.seed
        model = build(self.student, self.codec, seed)
        if self.compile:  # the part that the trainer calls; the names of the weights stay as they are
            model.model.compile(dynamic=True)
        lesson = Lesson(
            run=self.run,
            train=self.preset.train,
            decode=self.preset.decode,
            examples=self.examples,
            steps=self.examples.steps,
            dev=self.dev,
            device=self.device,
            seed=seed,
        )
        trained = train(lesson, model, self.codec, progress, until=until)
        if keep:
            save_model(model, self.codec, self.run)
            save(self.preset, self.run.settings)
        return trained
