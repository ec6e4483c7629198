"""Settings as defaults of the options: file, then environment, then command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.parameters import SectionedOption

if TYPE_CHECKING:
    from bili2text.settings import Setting

F = TypeVar("F", bound=Callable[..., Any])
# What belongs to one run and has no place in settings.
_NEVER = {"urls", "as_json", "overwrite", "refresh"}


def with_settings(function: F) -> F:
    """Give a command the user's settings as defaults; its own name for it is an eager, hidden option."""

    def load(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
        found = settings_of(ctx.command)
        ctx.default_map = {
            **{name: setting.value for name, setting in found.items()},
            **(ctx.default_map or {}),
        }
        return value

    return click.option(
        "--settings/--no-settings",
        is_eager=True,
        expose_value=False,
        default=True,
        hidden=True,
        callback=load,
    )(function)


def settings_of(command: click.Command) -> dict[str, Setting]:
    """Return the user's settings for a command, by the option's parameter name."""
    from bili2text import settings
    from bili2text.paths import settings_file

    environ = settings.environment()
    names = names_of(command)
    found = settings.read(settings_file(environ), environ, frozenset(names))
    return {names[name]: setting for name, setting in found.items()}


def names_of(command: click.Command) -> dict[str, str]:
    """Return, for each option that can be a setting, its name with dashes and its parameter's name."""
    return {
        str(option.name).replace("_", "-"): str(option.name)
        for option in command.params
        if isinstance(option, SectionedOption) and option.name not in _NEVER
    }
