"""A group of commands that are imported when they are called, so that --help answers at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that knows its commands by name, and imports one when it is asked for."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's
        commands_by_name: Mapping[str, tuple[str, str]],
        **kwargs: Any,  # noqa: ANN401 - click's
    ) -> None:
        """`commands_by_name`: name -> (module whose command is called `command`, one line for the list)."""
        super().__init__(*args, **kwargs)
        self._table = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Return the command, imported now."""
        name = cmd_name.replace("_", "-")
        if name not in self._table:
            return None
        command: click.Command = importlib.import_module(self._table[name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])
