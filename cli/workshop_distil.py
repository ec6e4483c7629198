"""`workshop distil`: students that learn from a teacher, all shards at hand or one at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.console import MODES, console
from cli.parameters import Command, FloatRange, section
from cli.workshop_label import label_options, request_of

_count = click.IntRange(min=1)
_students = section("Students")
_training = section("Training")
_coordinator = section("Coordinator")
_options = section("Options")


@click.command("distil", cls=Command)
@click.argument("source", metavar="LABELS_OR_DATA", type=click.Path(path_type=Path))
@_students(
    "--student",
    "students",
    multiple=True,
    metavar="NAME",
    help="small, qwen-512, qwen-256, qwen-128 or tiny. Repeatable. Default: small.",
)
@_students(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="RUN",
    help="The run's folder; with several students one in it for each.",
)
@_training("--preset", default="student", show_default=True, metavar="NAME", help="Settings, or a TOML file.")
@_training("--epochs", type=_count, help="Over each shard with --coordinate. Default: 3.")
@_training("--batch-size", type=_count, help="Samples at once. Default: 64.")
@_training(
    "--gradient-accumulation-steps",
    "accumulate",
    type=_count,
    metavar="N",
    help="Batches to a step. Default: 2.",
)
@_training(
    "--learning-rate", "lr", type=FloatRange(min=0, min_open=True), help="At its highest. Default: 3e-4."
)
@_training(
    "--patience",
    type=click.IntRange(min=0),
    metavar="N",
    help="End after so many evaluations without a lower loss; 0: never. Default: 2.",
)
@_training(
    "--precision", type=click.Choice(("fp32", "fp16", "bf16")), help="Default: bf16 where the card has it."
)
@_training("--eval-every", type=_count, metavar="STEPS", help="Default: 1000.")
@_training("--save-every", type=_count, metavar="STEPS", help="Default: 1000.")
@_training(
    "--distil-weight", type=FloatRange(0, 1), help="Share of the teacher's opinion, with topk. Default: 0.5."
)
@_training("--temperature", type=click.Choice(("1", "2")), help="Of that opinion. Default: 1.")
@_training(
    "--max-samples-per-task", "per_way", type=_count, metavar="N", help="Samples of each direction, at most."
)
@_training("--seed", type=click.IntRange(min=0), help="Default: 42.")
@_training("--compile", "compiled", is_flag=True, help="Compile the student, and the teacher.")
@_training(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda")),
    default="auto",
    show_default=True,
    help="Where it computes.",
)
@_training("--shard-idx", type=click.IntRange(min=0), metavar="N", help="Train on this shard alone.")
@_training("--resume", is_flag=True, help="Go on with a run that was interrupted.")
@_coordinator("--coordinate", is_flag=True, help="Label a shard of DATA, train on it, delete it, next.")
@_coordinator("--label-batch-size", type=_count, default=16, show_default=True, help="Samples asked at once.")
@_coordinator("--keep-teacher", is_flag=True, help="Keep it in memory while students train.")
@label_options
@_options("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Train students on labels, or, with --coordinate, on prepared pairs that are labelled shard by shard.

    \b
    bili2text workshop distil labels --student small --out run
    bili2text workshop distil data --coordinate --student qwen-512 --student qwen-256 --mode topk --out runs
    """
    from bili2text.errors import UsageError
    from bili2text.workshop.distillation.distil import coordinated, distil
    from bili2text.workshop.distillation.labels import holds_set
    from bili2text.workshop.train.ready import ready

    ready()
    source = values["source"]
    request, progress = _request(values), console(values["progress"])
    if values["coordinate"]:
        if values["shard_idx"] is not None:
            raise UsageError("--shard-idx and --coordinate contradict each other")
        labelling = request_of(values, source, batch=values["label_batch_size"], compiled=values["compiled"])
        runs = coordinated(labelling, request, progress)
    elif holds_set(source) or not (source / "data.json").is_file():
        runs = distil(source, request, progress)
    else:
        raise UsageError(
            f"{source} holds pairs, no labels",
            hint="label them first, or pass --coordinate; without a teacher: bili2text workshop finetune",
        )
    for run in runs:
        click.echo(run.folder)


def _request(values: dict[str, Any]) -> Any:  # noqa: ANN401 - DistilRequest, imported late
    from bili2text.workshop.distillation.pupils import DistilRequest
    from bili2text.workshop.presets import changed, preset

    temperature = float(values["temperature"]) if values["temperature"] else None
    found = changed(
        preset(values["preset"]),
        "train",
        epochs=values["epochs"],
        batch=values["batch_size"],
        accumulate=values["accumulate"],
        lr=values["lr"],
        patience=values["patience"],
        precision=values["precision"],
        eval_every=values["eval_every"],
        save_every=values["save_every"],
        distil_weight=values["distil_weight"],
        temperature=temperature,
    )
    return DistilRequest(
        out=values["out"],
        students=tuple(dict.fromkeys(values["students"] or ("small",))),
        preset=changed(found, "data", seed=values["seed"]),
        device=values["device"],
        compile=values["compiled"],
        resume=values["resume"],
        shard=values["shard_idx"],
        per_way=values["per_way"],
        keep_teacher=values["keep_teacher"],
    )
