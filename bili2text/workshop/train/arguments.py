"""Our settings under transformers' names. What a step computes is not among them: see `loss`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from transformers import Seq2SeqTrainingArguments

from bili2text.workshop.train.card import capability_of, on_card, precision_of
from bili2text.workshop.train.lesson import Lesson
from bili2text.workshop.values import TrainPrecision

LOG_EVERY = 20  # steps; each time the card is waited for
_KNOWN = {one.name for one in fields(Seq2SeqTrainingArguments)}


def arguments(lesson: Lesson) -> Seq2SeqTrainingArguments:
    """Return what transformers is told: one pass over the examples in their order, on one device.

    Raises DeviceFailure where a card is asked for and there is none.
    """
    precision, _ = precision_of(lesson.train.precision, capability=capability_of(lesson.device))
    made = Seq2SeqTrainingArguments(**settings(lesson, precision, card=on_card(lesson.device)))
    _ = made.device  # it counts the cards now, and would spread a batch over all of them
    made._n_gpu = min(made._n_gpu, 1)  # noqa: SLF001 - as Trainer itself sets it; there is no public way
    return made


def settings(lesson: Lesson, precision: TrainPrecision, *, card: bool) -> dict[str, Any]:
    """Return the arguments by name. Pure.

    Smoothing is 0 here: NLLB's class fails with it in the trainer (transformers#22553), and `loss` has it.
    The order of examples is theirs ("sequential"): group_by_length is not the same again after a resume in
    the second epoch.
    """
    train = lesson.train
    return {
        "output_dir": str(lesson.run.checkpoints),
        "max_steps": lesson.steps,
        "per_device_train_batch_size": train.batch,
        "per_device_eval_batch_size": train.batch,
        "gradient_accumulation_steps": train.accumulate,
        "learning_rate": train.lr,
        "lr_scheduler_type": _schedule(lesson),
        "warmup_steps": lesson.warmup_steps,
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "optim": train.optim,
        "label_smoothing_factor": 0.0,
        _checkpointing(): train.checkpointing,
        f"{_checkpointing()}_kwargs": {"use_reentrant": False} if train.checkpointing else None,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": not card,
        "train_sampling_strategy": "sequential",
        "dataloader_num_workers": train.workers,
        "dataloader_pin_memory": train.pin_memory and card,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "eval_strategy": "steps" if lesson.dev else "no",
        "eval_steps": train.eval_every,
        "save_strategy": "steps",
        "save_steps": train.save_every,
        "save_total_limit": train.keep,
        "predict_with_generate": True,
        "generation_num_beams": lesson.decode.beams,
        "generation_max_length": lesson.decode.max_tokens,
        "logging_steps": LOG_EVERY,
        "logging_nan_inf_filter": False,  # it would hide the NaN that must end the training
        "seed": lesson.seed,
        "data_seed": lesson.seed,
        "disable_tqdm": True,
        "report_to": "none",
        "log_level": "error",
    }


def _schedule(lesson: Lesson) -> str:
    constant = lesson.train.schedule == "constant"
    return "constant_with_warmup" if constant and lesson.train.warmup else lesson.train.schedule


def _checkpointing() -> str:
    """Return its name: transformers 5.0 has gradient_checkpointing, which later ones deprecate."""
    return "activation_checkpointing" if "activation_checkpointing" in _KNOWN else "gradient_checkpointing"
