"""`workshop export`: a run for CTranslate2, ONNX or a Rockchip NPU."""

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
_check = section("Check")
_rknn = section("RKNN")
_PATH = click.Path(path_type=Path)


@click.command("export", cls=Command)
@click.argument("run", type=_PATH, metavar="RUN")
@_option("--to", type=click.Choice(("ct2", "onnx", "rknn")), required=True, help="What is to run it.")
@_option("--out", type=_PATH, metavar="DIR", help="Default: RUN/export/ct2, onnx or rknn-TARGET.")
@_option(
    "--seq",
    type=click.IntRange(min=8),
    default=64,
    show_default=True,
    metavar="N",
    help="Tokens of a source and of a translation: the graphs' fixed length.",
)
@_option(
    "--int8",
    is_flag=True,
    help="Smaller graphs beside the whole ones: of ONNX int8 weights, of RKNN w8a8, which needs --data. "
    "Of CTranslate2 the int8 model and no other.",
)
@_option("--overwrite", is_flag=True, help="Replace what was exported before.")
@_rknn("--target", default="rv1126b", show_default=True, metavar="CHIP", help="The chip.")
@_rknn("--venv", type=_PATH, metavar="DIR", help="A virtual environment that has rknn-toolkit2.")
@_rknn("--install", is_flag=True, help="Make one in the cache where there is none yet: about 0.75 GB.")
@_check(
    "--data",
    type=_PATH,
    metavar="DATA",
    help="Compare on the dev pairs of these prepared data, and calibrate int8 on the train pairs. "
    "Default: 20 sentences of our own.",
)
@_check(
    "--sentences",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="Of each direction, at most.",
)
@_option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_option("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Export the model of RUN: encoder and decoder as graphs of a fixed length, checked, with a manifest.

    ONNX is compared with transformers, a chip's graphs with ONNX on the toolkit's simulator.

    \b
    bili2text workshop export run --to onnx --int8
    bili2text workshop export run --to rknn --target rv1126b --int8 --data data --install
    """
    from bili2text.settings import environment
    from bili2text.workshop.exports.export import ExportRequest, export
    from bili2text.workshop.exports.export_text import text
    from bili2text.workshop.exports.export_text import values as told
    from bili2text.workshop.run import Run

    out, venv = (None if values[name] is None else values[name].expanduser() for name in ("out", "venv"))
    checked_on, calibration = _pairs(values)
    request = ExportRequest(
        Run(values["run"].expanduser()),
        values["to"],
        checked_on,
        out=out,
        seq=values["seq"],
        int8=values["int8"],
        target=values["target"].lower(),
        venv=venv,
        install=values["install"],
        calibration=calibration,
        overwrite=values["overwrite"],
    )
    found = export(request, environment(), console(values["progress"]))
    click.echo(
        json.dumps(told(found), ensure_ascii=False) if values["as_json"] else text(found),
        nl=values["as_json"],
    )


def _pairs(values: dict[str, Any]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Return the pairs to compare on and those to calibrate on."""
    from bili2text.workshop.measures.samples import SAMPLES
    from bili2text.workshop.measures.testsets import of_data

    if values["data"] is None:
        return SAMPLES[: values["sentences"]], ()
    data = values["data"].expanduser()
    dev = of_data(data, values["sentences"], "dev").pairs
    needed = values["to"] == "rknn" and values["int8"]
    return dev, of_data(data, 1000, "train").pairs if needed else ()
