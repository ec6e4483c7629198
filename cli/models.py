"""`models`: which Whisper models there are, which are here, and getting them here unharmed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.console import MODES, console
from cli.model_options import model_dir_option
from cli.parameters import Command, all_of, section

if TYPE_CHECKING:
    from bili2text.models.store import Places

_QUANTIZATIONS = ("int8", "int8_float16", "int8_bfloat16", "float16", "bfloat16", "float32")

_option = section("Options")
_place = all_of(
    model_dir_option,
    _option("--progress", type=click.Choice(MODES), default="auto", help="How to show progress."),
)


@click.group("models", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List, download, find and verify the Whisper models; convert a translation model."""


@command.command("list", cls=Command)
@_place
@_option("--json", "as_json", is_flag=True, help="Print one JSON object for each model.")
def list_(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Print every known model, where it is on this disk, and what its bytes were checked against."""
    from bili2text.models import store
    from bili2text.models.catalog import CARDS

    here = {folder.name: folder for folder in store.on_disk(_places(values))}
    names = [*(card.name for card in CARDS), *(name for name in here if name not in {c.name for c in CARDS})]
    for name in names:
        folder = here.get(name)
        if values["as_json"]:
            found = (
                {"path": str(folder.path), "origin": folder.origin, "verified": folder.verified}
                if folder
                else {}
            )
            click.echo(json.dumps({"name": name, "on_disk": bool(folder), **found}, ensure_ascii=False))
        else:
            where = f"{folder.origin:10} {folder.verified:10} {folder.path}" if folder else "-"
            click.echo(f"{name:20} {where}")


@command.command("download", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_place
@_option(
    "--hub",
    type=click.Choice(("hf", "hf-mirror", "modelscope")),
    default="hf",
    show_default=True,
    help="Where to download from.",
)
@_option("--proxy", metavar="URL", help="An http proxy.")
@_option("--force", is_flag=True, help="Check what is there and fetch again what is wrong.")
def download(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Download models into the cache; a broken download goes on where it stopped.

    Every file is compared with its known hash, or with what the hub says of it, before it is used.
    """
    from bili2text.errors import UsageError
    from bili2text.models import hub, store
    from bili2text.models.catalog import LocalFolder, resolve
    from bili2text.settings import environment

    progress = console(values["progress"])
    places = _places(values)
    options = hub.Options(
        hub=values["hub"], proxy=values["proxy"], force=values["force"], environ=environment()
    )
    for name in values["names"]:
        model = resolve(name)
        if isinstance(model, LocalFolder):
            raise UsageError(f"a folder cannot be downloaded: {name}", hint="pass a model's name or a hub id")
        folder = None if values["force"] else store.find(name, places, progress)
        folder = folder or hub.download(model, options, places.cache, progress)
        click.echo(folder.path)


@command.command("convert", cls=Command)
@click.argument("folder", type=click.Path(path_type=Path))
@_option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Default: FOLDER-ct2-TYPE.")
@_option(
    "--quantization",
    type=click.Choice(_QUANTIZATIONS),
    default="int8",
    show_default=True,
    metavar="TYPE",
    help="What the weights become: int8, int8_float16, int8_bfloat16, float16, bfloat16 or float32.",
)
@_option("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def convert(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Convert a translation model for CTranslate2: less memory, faster on a CPU, and no torch to run it."""
    from bili2text.settings import environment
    from bili2text.translators.convert import convert as converted

    folder, kind = values["folder"].expanduser(), values["quantization"]
    target = values["output"] or folder.with_name(f"{folder.resolve().name}-ct2-{kind}")
    click.echo(converted(folder, target, kind, environment(), console(values["progress"])))


@command.command("path", cls=Command)
@click.argument("name")
@_place
def path(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Print the folder of a model that is on this disk, its bytes checked."""
    click.echo(_found(values["name"], values).path)


@command.command("verify", cls=Command)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_place
def verify(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Hash every file again, of the models named or of all on this disk."""
    from bili2text.models import store

    places = _places(values)
    progress = console(values["progress"])
    names = values["names"] or [folder.name for folder in store.on_disk(places)]
    for name in names:
        checked = store.verify(_found(name, values), places, progress)
        click.echo(f"{checked.name:20} {checked.verified:10} {checked.path}")


def _found(name: str, values: dict[str, Any]) -> Any:  # noqa: ANN401 - ModelFolder, imported late
    from bili2text.errors import ModelError
    from bili2text.models import store

    folder = store.find(name, _places(values), console(values["progress"]))
    if folder is None:
        raise ModelError(f"{name} is not on this disk", hint=f"bili2text models download {name}")
    return folder


def _places(values: dict[str, Any]) -> Places:
    from bili2text.models.store import Places
    from bili2text.paths import cache_dir
    from bili2text.settings import environment

    environ = environment()
    return Places(cache_dir(environ), values["model_dir"], environ)
