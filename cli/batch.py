"""`batch`: a list of recordings, in a run that goes on where it was ended; `status`, `retry` and `list`."""

from __future__ import annotations

from typing import Any

import click

from cli.batch_options import list_options
from cli.batch_ray import cluster_options
from cli.model_options import (
    card_options,
    cpu_fallback_option,
    device_options,
    hub_option,
    model_options,
    running_options,
)
from cli.options import decode_options, output_options, source_options, speech_options
from cli.parameters import Command, section
from cli.settings import with_settings
from cli.translation_options import translate_option, translation_options

_json = section("Options")("--json", "as_json", is_flag=True, help="Print JSON, an object for each line.")
_name = click.argument("name", required=False)


class _Unnamed(Command):
    """A command that is called by the name of its group alone."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's
    ) -> click.Context:
        """Return the context, in the group's place."""
        if parent is not None:
            info_name, parent = parent.info_name, parent.parent
        return super().make_context(info_name, args, parent=parent, **extra)


@click.command("run", cls=_Unnamed)
@with_settings
@source_options
@list_options
@cluster_options
@model_options
@hub_option
@device_options
@cpu_fallback_option
@card_options
@running_options
@decode_options
@speech_options
@output_options
@translate_option
@translation_options(short=False)
def run(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Transcribe every SOURCE and all it holds: links, playlists, parts, favourites, spaces, files, folders.

    What is in the list and what became of each is written down: the same command goes on where it was
    ended, and asks no site twice. What fails stops nothing; a table at the end says why. Exit code 1 when
    any failed, 6 when some still wait or are incomplete.

    \b
    bili2text batch BV1xx411c7mD --parts 2-5 -o course
    bili2text batch -a links.txt --translate en --max-downloads 50
    bili2text batch https://space.bilibili.com/1234/video -o talks
    bili2text batch recordings --watch recordings -o source
    bili2text batch status [NAME] | retry [NAME] | list
    """
    from cli.batch_run import run_list

    click.get_current_context().exit(run_list(values))


class _Batch(click.Group):
    """A group whose own job is done when no other is named: `batch SOURCE...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; what names no command is for the list itself."""
        own = not args or args[0] not in self.commands
        return super().parse_args(ctx, [str(run.name), *args] if own else args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that was named, or the group's own job, which has no name."""
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "", run, args[1:]

    def get_help(self, ctx: click.Context) -> str:
        """Return the help of the group's own job, which names the others."""
        own = click.Context(
            run, parent=ctx.parent, info_name=ctx.info_name, terminal_width=ctx.terminal_width
        )
        return run.get_help(own)


@click.group("batch", cls=_Batch, context_settings={"help_option_names": []})
def command() -> None:
    """Transcribe lists of recordings, and go on with them."""


@command.command("status", cls=Command)
@_name
@_json
def status(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Show what became of each recording of a list; without a NAME, of the one last worked on."""
    from cli.batch_show import show_status

    show_status(values["name"], as_json=values["as_json"])


@command.command("retry", cls=Command)
@_name
def retry(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Try what failed or was put into quarantine once more, with the command of the list, in its folder."""
    from cli.batch_show import retry_list

    click.get_current_context().exit(retry_list(values["name"]))


@command.command("list", cls=Command)
@_json
def list_(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Show every list, the one last worked on first."""
    from cli.batch_show import show_lists

    show_lists(as_json=values["as_json"])
