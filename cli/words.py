"""The words that say what a command was asked for, with what the settings said spelled out."""

from __future__ import annotations

from collections.abc import Iterator

import click
from click.core import ParameterSource

_WITHOUT = "--no-settings"
_OF_SETTINGS = "--stored"
_INSTEAD = "bili2text.words"  # in a context's meta


def run_as(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Let `spelled_out` take these words for the user's: those of the command that a command stands for."""
    ctx.meta[_INSTEAD] = words


def spelled_out(words: tuple[str, ...], ctx: click.Context | None) -> tuple[str, ...]:
    """Return a command line that means the same wherever and whenever it is run.

    After the command's name come `--no-settings`, an option for each setting that counted, of the file or
    of the environment, and before those which options they are; the user's own words come last, as they
    were. Without a context they are all.
    """
    words = words if ctx is None else ctx.meta.get(_INSTEAD, words)
    if ctx is None or not words or _WITHOUT in words:
        return words
    return (words[0], _WITHOUT, *_settings(ctx), *words[1:])


def _settings(ctx: click.Context) -> Iterator[str]:
    found = {
        str(option.name): option
        for option in ctx.command.params
        if isinstance(option, click.Option)
        and ctx.get_parameter_source(str(option.name)) is ParameterSource.DEFAULT_MAP
    }
    if found:
        yield f"{_OF_SETTINGS}={','.join(found)}"
    for name, option in found.items():
        yield from _option(option, ctx.params[name], str(ctx.lookup_default(name)))


def _option(option: click.Option, value: object, text: str) -> Iterator[str]:
    """Yield the option: `text` is what the setting says, `value` what was made of it."""
    if not option.is_flag:
        yield f"{_long(option.opts)}={text}"
    elif value:
        yield _long(option.opts)
    elif option.secondary_opts:
        yield _long(option.secondary_opts)


def _long(spellings: list[str]) -> str:
    return max(spellings, key=lambda one: one.startswith("--"))
