"""`workshop quantize`: a run for CTranslate2, compared with what was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.console import MODES, console
from cli.parameters import Command, section

if TYPE_CHECKING:
    from bili2text.seq2seq.values import Pair

_option = section("Options")
_compared = section("Comparison")
_PRECISIONS = ("int8", "int8_float16", "int8_bfloat16", "float16", "bfloat16", "float32")


@click.command("quantize", cls=Command)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@_option(
    "--precision",
    "precisions",
    type=click.Choice(_PRECISIONS),
    multiple=True,
    default=("int8",),
    show_default=True,
    metavar="TYPE",
    help="What the weights become, beside float32: int8, int8_float16, int8_bfloat16, float16 or bfloat16. "
    "Repeatable.",
)
@_compared(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="Compare on the dev pairs of these prepared data. Default: 20 sentences of our own.",
)
@_compared(
    "--sentences",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Of each direction, at most.",
)
@_compared(
    "--max-tokens",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    metavar="N",
    help="Of a translation; the model's positions bound it, too.",
)
@_compared("--force", is_flag=True, help="Keep a model that does not say what the trained one says.")
@_option("--overwrite", is_flag=True, help="Replace what was converted before.")
@_option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_option("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Convert the model of RUN for CTranslate2, in float32 and smaller, each a translator by itself.

    In float32 it must say what the trained one says, token by token; what int8 changes is told.

    \b
    bili2text workshop quantize run --data data
    """
    from bili2text.seq2seq.values import WAYS
    from bili2text.workshop.measures.quantize import QuantizeRequest, quantize
    from bili2text.workshop.measures.quantize_text import text
    from bili2text.workshop.measures.quantize_text import values as told
    from bili2text.workshop.run import Run

    pairs = _pairs(values["data"], values["sentences"])
    request = QuantizeRequest(
        Run(values["run"].expanduser()),
        {way: [pair.source(way) for pair in pairs] for way in WAYS},
        precisions=values["precisions"],
        max_tokens=values["max_tokens"],
        force=values["force"],
        overwrite=values["overwrite"],
    )
    found = quantize(request, console(values["progress"]))
    click.echo(json.dumps(told(found)) if values["as_json"] else text(found), nl=values["as_json"])


def _pairs(data: Path | None, limit: int) -> tuple[Pair, ...]:
    from bili2text.workshop.measures.samples import SAMPLES
    from bili2text.workshop.measures.testsets import of_data

    return SAMPLES[:limit] if data is None else of_data(data.expanduser(), limit, "dev").pairs
