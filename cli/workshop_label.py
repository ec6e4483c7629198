"""`workshop label`: a teacher says what students are to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.console import MODES, console
from cli.parameters import Command, all_of, section

_count = click.IntRange(min=1)
_labels = section("Labels")
_teacher = section("Teacher")
_options = section("Options")
_MODES = ("text", "topk")
_MODE_HELP = (
    "text: what the teacher says, for students of any vocabulary. topk: how likely it takes each word of the "
    "reference to be, for students with its own vocabulary."
)

label_options = all_of(
    _teacher("--teacher", metavar="ID_OR_FOLDER", help="Any causal language model in safetensors. Default: "
             "Qwen/Qwen2.5-1.5B-Instruct (Apache-2.0)."),
    _teacher("--mode", type=click.Choice(_MODES), default="text", show_default=True, help=_MODE_HELP),
    _teacher("--k", type=_count, default=16, show_default=True, help="Words that topk names at each place."),
    _teacher("--int8", is_flag=True, help="Weights as int8, by bitsandbytes where that is installed."),
    _labels("--max-seq-len", type=_count, default=64, show_default=True,
            help="Tokens of a source, and of a target; longer ones are left out."),
    _labels("--max-samples", type=_count, metavar="N",
            help="A sample is a pair in one direction. Default: all."),
    _labels("--start-from", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
            help="The first sample."),
    _labels("--shard-size", type=_count, default=100_000, show_default=True, help="Samples of a shard."),
    _labels("--direction", type=click.Choice(("both", "zh-en", "en-zh")), default="both", show_default=True,
            help="Which way to translate."),
)  # fmt: skip


@click.command("label", cls=Command)
@click.argument("data", type=click.Path(path_type=Path))
@_labels(
    "--out", type=click.Path(path_type=Path), required=True, metavar="LABELS", help="Where the shards go."
)
@label_options
@_teacher("--batch-size", type=_count, default=16, show_default=True, help="Samples asked at once.")
@_teacher("--compile", "compiled", is_flag=True, help="Compile the teacher first: minutes, for many samples.")
@_teacher("--device", type=click.Choice(("auto", "cpu", "cuda")), default="auto", show_default=True,
          help="Where it computes.")  # fmt: skip
@_options("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Have a teacher translate prepared pairs, or judge their references, in shards.

    What was interrupted goes on: call it again as before.

    \b
    bili2text workshop label data --out labels
    bili2text workshop label data --out labels --mode topk --k 16 --teacher Qwen/Qwen3-0.6B
    """
    from bili2text.workshop.distillation.label import label
    from bili2text.workshop.train.ready import ready

    ready()
    labels = label(
        request_of(values, values["data"], batch=values["batch_size"], compiled=values["compiled"]),
        values["out"],
        console(values["progress"]),
    )
    click.echo(f"{labels.samples:,} samples in {labels.shards} shards: {values['out']}")


def request_of(values: dict[str, Any], data: Path, *, batch: int, compiled: bool) -> Any:  # noqa: ANN401 - LabelRequest, imported late
    """Return the request that the options of a labelling are."""
    from bili2text.seq2seq.values import WAYS
    from bili2text.workshop.distillation.label import TEACHER, LabelRequest

    ways = WAYS if values["direction"] == "both" else (values["direction"],)
    return LabelRequest(
        data=data,
        teacher=values["teacher"] or TEACHER,
        mode=values["mode"],
        k=values["k"],
        ways=ways,
        batch=batch,
        max_tokens=values["max_seq_len"],
        max_samples=values["max_samples"],
        first=values["start_from"],
        shard_size=values["shard_size"],
        precision="int8" if values["int8"] else "auto",
        compile=compiled,
        device=values["device"],
    )
