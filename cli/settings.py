"""Settings as defaults of the options: file, then environment, then command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from bili2text.errors import UsageError
from cli.parameters import SectionedOption

if TYPE_CHECKING:
    from bili2text.settings import Setting

F = TypeVar("F", bound=Callable[..., Any])
# What belongs to one run and has no place in settings.
_NEVER = {
    "urls",
    "as_json",
    "overwrite",
    "refresh",
    "batch_file",
    "simulate",
    "explain",
    "fresh",
    "clip_timestamps",
    "retry_failed",
    "skip",
    "check",
    "config",
    "compare",
    "voter",
}
_STORED = "bili2text.stored"  # in a context's meta


def with_settings(function: F) -> F:
    """Give a command the user's settings as defaults, by an option that nobody needs to write."""

    def load(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
        if value:
            found = settings_of(ctx.command, ctx)
            ctx.default_map = {name: setting.value for name, setting in found.items()}
        return value

    def store(ctx: click.Context, _: click.Parameter, value: str) -> None:
        ctx.meta[_STORED] = frozenset(filter(None, value.split(",")))

    function = click.option(
        "--stored", is_eager=True, expose_value=False, default="", hidden=True, callback=store
    )(function)
    return click.option(
        "--settings/--no-settings",
        is_eager=True,
        expose_value=False,
        default=True,
        hidden=True,
        callback=load,
    )(function)


def written(ctx: click.Context) -> tuple[click.Option, ...]:
    """Return the options that the user wrote for this run.

    Not those that a setting said, nor those that a stored command has of one: see `words.spelled_out`.
    """
    stored = ctx.meta.get(_STORED, frozenset())
    return tuple(
        option
        for option in ctx.command.params
        if isinstance(option, click.Option)
        and option.name not in stored
        and ctx.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    )


def settings_of(command: click.Command, ctx: click.Context | None = None) -> dict[str, Setting]:
    """Return the user's settings for a command, by the option's parameter name, each checked.

    A setting of another command that transcribes is none of this one's business, and no mistake.
    Raises UsageError that names where a wrong value stands.
    """
    from bili2text import settings
    from bili2text.paths import settings_file
    from cli.gpu_transcribe import command as widest

    environ = settings.environment()
    known = frozenset(names_of(widest)) | frozenset(names_of(command))
    found = settings.read(settings_file(environ), environ, known)
    own = names_of(command)
    options = {str(option.name): option for option in command.params}
    for name, setting in found.items():
        if name in own:
            _check(options[own[name]], setting, ctx)
    return {own[name]: setting for name, setting in found.items() if name in own}


def _check(option: click.Parameter, setting: Setting, ctx: click.Context | None) -> None:
    try:
        option.type.convert(setting.value, option, ctx)
    except click.BadParameter as error:
        name = str(option.name).replace("_", "-")
        raise UsageError(
            f"the setting {name} = {setting.value!r} of {setting.origin}: {error.message}",
            hint="`bili2text config show` tells what is set where",
        ) from error


def names_of(command: click.Command) -> dict[str, str]:
    """Return, for each option that can be a setting, its name with dashes and its parameter's name."""
    return {
        str(option.name).replace("_", "-"): str(option.name)
        for option in command.params
        if isinstance(option, SectionedOption) and option.name not in _NEVER
    }
