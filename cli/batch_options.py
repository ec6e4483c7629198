"""The options that only `batch` has; each belongs to one list and has no place in settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.parameters import FloatRange, all_of

_count = click.IntRange(min=1)


class _ListOption(click.Option):
    """An option under the heading of lists; not being a SectionedOption, it is no setting."""

    section = "List"


def _list(*names: str, **settings: Any) -> Any:  # noqa: ANN401 - click's
    return click.option(*names, cls=_ListOption, **settings)


list_options = all_of(
    _list(
        "--name", metavar="NAME", help="What the list is called. Default: made from the sources and options."
    ),
    _list(
        "--parts",
        metavar="PARTS",
        help="Which parts or items of each link: all, 2-5, 1,3. As --playlist-items. Default: all.",
    ),
    _list(
        "--numbered/--no-numbered",
        default=None,
        help="A number before each name, so that names sort. Default: for what a link lists.",
    ),
    _list("--max-downloads", type=_count, metavar="N", help="Download N recordings at most; the rest waits."),
    _list(
        "--again",
        type=click.IntRange(min=0),
        default=2,
        show_default=True,
        metavar="N",
        help="Tries, at the end of the list, of what failed and may pass: 429, 412, 5xx, timeouts.",
    ),
    _list(
        "--again-after",
        type=FloatRange(min=0),
        default=10.0,
        show_default=True,
        metavar="S",
        help="Seconds before the first of them; twice as long before each other one.",
    ),
    _list(
        "--refusals",
        type=_count,
        default=3,
        show_default=True,
        metavar="N",
        help="Ask a site no more that refuses N times in a row (401, 403, 412, 429); its rest waits.",
    ),
    _list(
        "--watch",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="Go on with media files that appear in this folder, until Ctrl-C.",
    ),
    _list(
        "--watch-every",
        type=FloatRange(min=0.05),
        default=5.0,
        show_default=True,
        metavar="S",
        help="Seconds between two looks at it; a file that has not grown meanwhile is whole.",
    ),
    _list("--listed", is_flag=True, hidden=True, help="Take the sources that the list was made of."),
)
