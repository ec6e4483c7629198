"""From a Source to what it holds: a file at once, standard input once it is spooled, a link when asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bili2text.progress import Progress
from bili2text.source.local import open_file, spooled
from bili2text.source.locate import Source
from bili2text.source.media import Item, LinkOptions, Listed


def open_source(
    source: Source, options: LinkOptions, cache: Path, progress: Progress, stdin: BinaryIO | None = None
) -> Iterator[Item]:
    """Yield what `source` holds, one Item at a time; each is fetched, and fails, by itself.

    Raises UsageError, SourceError or StorageError when the source as a whole cannot be opened. What came on
    standard input is on disk until the iterator is closed.
    """
    if source.kind == "file" and source.path is not None:
        media = open_file(source.path)
        yield Item(media.title, lambda: media, preview=media)
    elif source.kind == "stdin":
        with spooled(stdin or sys.stdin.buffer, cache / "staging", options.max_bytes, progress) as media:
            yield Item(media.title, lambda: media)
    elif source.url is not None:
        # yt-dlp, which takes a fifth of a second to load, is for links
        from bili2text.source.follow import follower

        yield from follower(options, cache, progress).items(source.url)


def unfold(link: str, options: LinkOptions, cache: Path, progress: Progress) -> Iterator[Item | Listed]:
    """Yield the Item behind `link`; of a list, instead, its lines, none of which is looked at.

    `options.playlist_items` chooses among the lines; without it all of them are meant. Raises what
    `open_source` raises.
    """
    from bili2text.source.follow import follower

    yield from follower(options, cache, progress).unfolded(link)
