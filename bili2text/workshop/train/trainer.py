"""The one trainer: transformers' loop with our loss, our evaluation, and checkpoints that are whole."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model
from torch import Tensor
from transformers import PreTrainedModel, PrinterCallback, Seq2SeqTrainer, TrainerState
from transformers.models.m2m_100.modeling_m2m_100 import shift_tokens_right
from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils import SAFE_WEIGHTS_NAME

from bili2text.errors import DependencyError, RuntimeFailure
from bili2text.files import prove_writable
from bili2text.progress import Progress, Stage
from bili2text.seq2seq.codec import Codec
from bili2text.workshop import checkpoints
from bili2text.workshop.train import faults, threads
from bili2text.workshop.train.arguments import arguments
from bili2text.workshop.train.batch import Collate, First
from bili2text.workshop.train.card import capability_of, on_card, precision_of
from bili2text.workshop.train.lesson import Lesson, Trained
from bili2text.workshop.train.loss import IGNORED, Head, Losses, Teacher, summed
from bili2text.workshop.train.quiet import quiet
from bili2text.workshop.train.trial import told, trials, tried
from bili2text.workshop.train.watch import Watch, impatient, losses_of, rewind

_LIKELY = ("likely_tokens", "likely_logits", "likely_whole")


class TranslationTrainer(Seq2SeqTrainer):  # type: ignore[misc, unused-ignore]  # it has no types
    """Trains one lesson's examples in their order, one pass."""

    loss_is_scaled_for_ga = True  # `compute_loss` divides by the labels of the whole step

    def __init__(
        self,
        lesson: Lesson,
        model: PreTrainedModel,
        codec: Codec,
        until: int,
        callbacks: list[Any],
        progress: Progress,
    ) -> None:
        super().__init__(
            model=model,
            args=arguments(lesson),
            data_collator=Collate(codec.pad),
            train_dataset=First(lesson.examples, until * lesson.step_pairs),
            eval_dataset=dict(lesson.dev) or None,
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)
        self.lesson, self.codec, self.losses = lesson, codec, Losses.of(lesson.train)
        self._staging = lesson.run.checkpoints
        self._progress = progress

    def compute_loss(
        self,
        model: PreTrainedModel,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:  # noqa: ANN401 - as transformers has it
        """Return the loss of a batch divided by the labels of the whole step, so that 4 x 6 is 1 x 24."""
        total = self.summed(model, inputs)
        count = num_items_in_batch if num_items_in_batch is not None else inputs["labels"].ne(IGNORED).sum()
        return (total / count, {}) if return_outputs else total / count

    def summed(self, model: PreTrainedModel, inputs: dict[str, Tensor]) -> Tensor:
        """Return the loss of a batch, summed over its labels.

        The model's forward is what accelerate wraps into mixed precision, and it is not called here: it would
        compute the logits of all positions. So autocast is entered here.
        """
        labels = inputs["labels"]
        config = model.config
        with self.accelerator.autocast():
            hidden = model.model(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                decoder_input_ids=shift_tokens_right(
                    labels, config.pad_token_id, config.decoder_start_token_id
                ),
                use_cache=False,
            ).last_hidden_state
            teacher = _teacher(inputs, self.losses.temperature)
            return summed(hidden.flatten(0, 1), labels.flatten(), _head(model), self.losses, teacher)

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401 - transformers' signature
        """Return the loss of a micro-batch, its gradients added. Raises RuntimeFailure for no number."""
        loss = super().training_step(*args, **kwargs)
        if not bool(torch.isfinite(loss)):
            raise self._no_number("the loss")
        return loss

    def evaluate(self, *_args: Any, **_kwargs: Any) -> dict[str, float]:  # noqa: ANN401 - transformers'
        """Return what the held-out examples say, and log it.

        transformers' own would compute the logits of all positions, and knows one target language at a time.
        """
        model = self.accelerator.unwrap_model(self.model)
        lesson = self.lesson
        with (
            self.accelerator.autocast(),
            self._progress.stage("try", trials(lesson.dev), "sentences") as stage,
        ):
            found = tried(
                model, self.codec, lesson.dev, lesson.decode, lesson.train.batch,
                lambda batch: self.summed(model, batch), stage.advance,
            )  # fmt: skip
        self._progress.note(f"step {self.state.global_step:,}: {told(found, lesson.dev)}")
        self.log(dict(found))
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
        return found

    def _get_output_dir(self, trial: Any) -> str:  # noqa: ANN401, ARG002 - transformers' signature
        return str(self._staging)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:  # noqa: ANN401
        """Write the weights alone: transformers adds its arguments as a pickle, which nobody here reads."""
        self.model.save_pretrained(output_dir or self.args.output_dir, state_dict=state_dict)

    def _save_checkpoint(self, model: PreTrainedModel, trial: Any) -> None:  # noqa: ANN401
        """Write a checkpoint under another name, give it its own, and then let go of older ones."""
        if not all(bool(torch.isfinite(one).all()) for one in model.parameters()):
            raise self._no_number("a weight")
        folder = self.lesson.run.checkpoints
        with checkpoints.written(folder, self.state.global_step) as self._staging, faults.disk(folder):
            super()._save_checkpoint(model, trial)
            if not on_card(self.lesson.device):
                threads.keep(self._staging / checkpoints.name(self.state.global_step))
        checkpoints.keep_newest(folder, self.lesson.train.keep)

    def _no_number(self, what: str) -> RuntimeFailure:
        last = checkpoints.newest(self.lesson.run.checkpoints)
        kept = f"{last.name} is whole" if last else "there is no checkpoint yet"
        return RuntimeFailure(
            f"{what} is no number in step {self.state.global_step + 1}; {kept}",
            hint="pass a lower --learning-rate, or --precision fp32",
        )


def train(
    lesson: Lesson,
    model: PreTrainedModel,
    codec: Codec,
    progress: Progress,
    *,
    until: int | None = None,
) -> Trained:
    """Train from the run's newest whole checkpoint, or `model` as it is given, to step `until`; save there.

    `until` is the lesson's last step by default; the learning rate's schedule always spans the whole lesson.
    The order of examples and dropout are those of a training that was never interrupted, so the weights are,
    too: bit by bit on a CPU, whose number of threads is that of the checkpoint. A step takes the next batch x
    accumulate examples; none before the step it goes on from is read, and none after `until`. `model` holds
    the trained weights afterwards.
    Raises RuntimeFailure for a loss that is no number, StorageError, OutOfMemory, DeviceFailure.
    """
    if find_spec("accelerate") is None:
        raise DependencyError("training needs accelerate", hint='pip install "bili2text[workshop]"')
    run, began = lesson.run, time.monotonic()
    until = lesson.steps if until is None else min(until, lesson.steps)
    prove_writable(run.folder)
    checkpoints.sweep(run.checkpoints)
    last = checkpoints.newest(run.checkpoints)
    step = checkpoints.step_of(last) if last else 0
    rewind(run.log, step)
    _, remark = precision_of(lesson.train.precision, capability=capability_of(lesson.device))
    if remark:
        progress.warn(remark)
    if not on_card(lesson.device):
        threads.settle(last, progress)
    with (
        progress.stage("train", lesson.steps, "steps") as stage,
        quiet(),
        faults.memory(),
        faults.checkpoint(last),
    ):
        stage.advance(step)
        if last and _done(last, until, lesson.train.patience):
            load_model(model, last / SAFE_WEIGHTS_NAME)
            state = _state_of(last)
        else:
            trainer = _trainer(lesson, model, codec, until, stage, progress)
            trainer.train(resume_from_checkpoint=str(last) if last else None)
            state = trainer.state
    return _trained(state, lesson, time.monotonic() - began)


def _trainer(
    lesson: Lesson, model: PreTrainedModel, codec: Codec, until: int, stage: Stage, progress: Progress
) -> TranslationTrainer:
    watch = Watch(stage, lesson.run.log, until, lesson.train.patience)
    return TranslationTrainer(lesson, model, codec, until, [watch], progress)


def _done(checkpoint: Path, until: int, patience: int) -> bool:
    """Return whether a checkpoint leaves nothing to train: it is at the step, or patience ended there."""
    state = _state_of(checkpoint)
    return state.global_step >= until or impatient(losses_of(state.log_history), patience)


def _state_of(checkpoint: Path) -> TrainerState:
    return TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))


def _trained(state: TrainerState, lesson: Lesson, seconds: float) -> Trained:
    losses = [one["loss"] for one in state.log_history if "loss" in one]
    tried_losses = losses_of(state.log_history)
    return Trained(
        step=state.global_step,
        loss=losses[-1] if losses else None,
        dev_loss=tried_losses[-1] if tried_losses else None,
        stopped_early=state.global_step < lesson.steps and impatient(tried_losses, lesson.train.patience),
        seconds=seconds,
    )


def _head(model: PreTrainedModel) -> Head:
    bias = getattr(model, "final_logits_bias", None)  # Marian's, [1, vocabulary]
    return Head(model.get_output_embeddings().weight, None if bias is None else bias.flatten())


def _teacher(inputs: dict[str, Tensor], temperature: float) -> Teacher | None:
    if "likely_tokens" not in inputs:
        return None
    tokens, logits, whole = (inputs[name].flatten(0, 1) for name in _LIKELY)
    return Teacher(tokens, logits, whole[:, int(temperature) - 1])
