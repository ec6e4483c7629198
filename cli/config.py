"""`config`: what the settings are, and where each comes from."""

from __future__ import annotations

import json
from typing import Any

import click

from bili2text.errors import UsageError
from cli.parameters import Memory


@click.group("config", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show and change the settings: the defaults of every option of the commands that transcribe."""


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(as_json: bool) -> None:
    """Print each setting, its value, and where it comes from: default, the file, or the environment."""
    from cli.gpu_transcribe import command as transcribing
    from cli.settings import names_of, settings_of

    found = settings_of(transcribing)
    options = {str(option.name): option for option in transcribing.params}
    rows = {
        name: (
            (found[parameter].value, found[parameter].origin)
            if parameter in found
            else (_default(options[parameter]), "default")
        )
        for name, parameter in names_of(transcribing).items()
    }
    if as_json:
        click.echo(
            json.dumps({name: {"value": v, "from": o} for name, (v, o) in rows.items()}, ensure_ascii=False)
        )
        return
    for name, (value, origin) in rows.items():
        click.echo(f"{name} = {value}  ({origin})")


@command.command("set")
@click.argument("name")
@click.argument("value")
def set_(name: str, value: str) -> None:
    """Write a setting into the file: config set model small."""
    from bili2text import settings
    from bili2text.paths import settings_file
    from cli.gpu_transcribe import command as transcribing
    from cli.settings import names_of

    wanted = name.replace("_", "-")
    names = names_of(transcribing)
    if wanted not in names:
        raise UsageError(f"no such setting: {name}", hint="`bili2text config show` lists them")
    option = next(option for option in transcribing.params if option.name == names[wanted])
    checked = option.type.convert(value, option, None)
    # an amount of memory is kept as it was written: its MiB would be read back as GB
    kept = isinstance(checked, (bool, int, float)) and not isinstance(option.type, Memory)
    plain = checked if kept else value
    path = settings_file(settings.environment())
    settings.write(path, wanted, plain)
    click.echo(f"{wanted} = {plain}  ({path})")


@command.command("unset")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def unset(names: tuple[str, ...]) -> None:
    """Take settings out of the file again: config unset model compute-type."""
    from bili2text import settings
    from bili2text.paths import settings_file

    path = settings_file(settings.environment())
    # not held against the names there are: what another version wrote must be removable, too
    for name in (name.replace("_", "-") for name in names):
        if settings.remove(path, name):
            click.echo(f"{name} is not set any more  ({path})")
        else:
            raise UsageError(f"{name} is not set in {path}", hint="`bili2text config show` tells what is")


@command.command("path")
def path() -> None:
    """Print the settings file; it need not exist."""
    from bili2text.paths import settings_file
    from bili2text.settings import environment

    click.echo(settings_file(environment()))


def _default(option: click.Parameter) -> Any:  # noqa: ANN401 - any option's default
    return option.default if isinstance(option.default, (str, int, float, bool)) else None
