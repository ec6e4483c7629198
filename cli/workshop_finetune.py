"""`workshop finetune`: a model is trained on prepared pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.console import MODES, console
from cli.parameters import Command, FloatRange, section

_count = click.IntRange(min=1)
_from_none = click.IntRange(min=0)
_model = section("Model")
_training = section("Training")
_options = section("Options")


@click.command("finetune", cls=Command)
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@_model(
    "--model",
    "model_id",
    metavar="MODEL",
    help="A hub's id, a folder, a run, or a student from nothing: small, tiny, qwen-512, qwen-256, qwen-128. "
    "Default: the preset's.",
)
@_model(
    "--vocabulary",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A Qwen's tokenizer.json, for the students qwen-*.",
)
@_model(
    "--trim-vocab",
    type=_from_none,
    metavar="N",
    help="Keep the N tokens that the pairs use most, and what they are made of; 0: all.",
)
@_training(
    "--preset",
    metavar="NAME",
    help="rtx4080s, original, student, or a TOML file. Default: rtx4080s, or student for a student.",
)
@_training("--out", type=click.Path(path_type=Path), required=True, metavar="RUN", help="The run's folder.")
@_training("--resume", is_flag=True, help="Go on with a run that was interrupted, with its own settings.")
@_training("--epochs", type=_count, help="How often each pair is seen.")
@_training("--batch", "--batch-size", "batch", type=_count, help="Pairs at once.")
@_training(
    "--accumulate", "--gradient-accumulation-steps", "accumulate", type=_count, help="Batches to a step."
)
@_training("--learning-rate", "lr", type=FloatRange(min=0, min_open=True), help="At its highest.")
@_training("--precision", type=click.Choice(("fp32", "fp16", "bf16")), help="Where the card has it.")
@_training("--max-tokens", type=_count, metavar="N", help="Pairs with a longer side are left out.")
@_training("--max-steps", type=_count, metavar="N", help="End there; the learning rate falls until then.")
@_training("--loss-chunk", type=_from_none, metavar="N", help="Positions whose logits are computed at once.")
@_training("--eval-every", type=_count, metavar="STEPS", help="Try it on the held-out pairs.")
@_training("--eval-pairs", type=_count, metavar="N", help="So many of them, in each direction.")
@_training("--save-every", type=_count, metavar="STEPS", help="Write a checkpoint.")
@_training("--keep", type=_count, metavar="N", help="Checkpoints.")
@_training(
    "--patience", type=_from_none, metavar="N", help="End after N evaluations without a lower loss; 0: never."
)
@_training("--workers", type=_from_none, metavar="N", help="Processes that prepare batches.")
@_training("--seed", type=_from_none, help="Of the order, dropout, and a student's first weights.")
@_options(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda")),
    default="auto",
    show_default=True,
    help="Where it computes.",
)
@_options("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Train a model on the pairs that `prepare` made, and print the folder of the run.

    \b
    bili2text workshop finetune data --preset rtx4080s --out run
    bili2text workshop finetune data --model small --epochs 10 --out run
    bili2text workshop finetune data --out run --resume
    """
    from bili2text.workshop.finetuning import FinetuneRequest
    from bili2text.workshop.train.ready import ready

    ready()
    from bili2text.workshop.train.finetune import finetune

    progress = console(values["progress"])
    request = FinetuneRequest(
        data=values["data"],
        preset=_preset(values),
        out=values["out"],
        resume=values["resume"],
        device=values["device"],
        vocabulary=values["vocabulary"],
        max_steps=values["max_steps"],
    )
    found = finetune(request, progress)
    held_out = "" if found.dev_loss is None else f", held-out loss {found.dev_loss:.3f}"
    early = ", ended early" if found.stopped_early else ""
    progress.note(f"trained: step {found.step:,}{held_out}{early}, {found.seconds:,.0f} s")
    click.echo(values["out"])


def _preset(values: dict[str, Any]) -> Any:  # noqa: ANN401 - Preset, imported late
    """Return the preset with what else was said; a run that goes on keeps its own settings."""
    from bili2text.workshop import presets
    from bili2text.workshop.run import Run
    from bili2text.workshop.students import STUDENTS

    kept = Run(values["out"]).settings
    if values["resume"] and values["preset"] is None and kept.is_file():
        found = presets.read(kept)
    else:
        usual = "student" if values["model_id"] in STUDENTS else presets.DEFAULT
        found = presets.preset(values["preset"] or usual)
    found = presets.changed(found, "model", id=values["model_id"], trim_vocab=values["trim_vocab"])
    found = presets.changed(found, "data", max_tokens=values["max_tokens"], seed=values["seed"])
    told = ("epochs", "batch", "accumulate", "lr", "precision", "loss_chunk", "eval_every", "eval_pairs",
            "save_every", "keep", "patience", "workers")  # fmt: skip
    return presets.changed(found, "train", **{name: values[name] for name in told})
