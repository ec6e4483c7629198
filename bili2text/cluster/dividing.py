"""What a part of a list holds: sources divided by their links, and so is the one list that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bili2text.cluster.shards import Shard, divided
from bili2text.lists.expand import opened
from bili2text.lists.manifest import Manifest
from bili2text.progress import Progress
from bili2text.source.media import LinkOptions, Listed
from bili2text.source.redact import safe_text


def add_divided(
    manifest: Manifest,
    sources: Sequence[str],
    shard: Shard,
    options: LinkOptions,
    cache: Path,
    progress: Progress,
) -> None:
    """Add to a list what is this part's of the sources, as `remembered` wrote them.

    A link that is the only source is opened by every part, and what it lists is divided. Raises what
    `opened` raises.
    """
    if len(sources) == 1 and "://" in sources[0]:
        _spread(manifest, sources[0], shard, options, cache, progress)
        return
    for link in divided(sources, shard):
        manifest.add((), "source", link, safe_text(link))


def _spread(
    manifest: Manifest, link: str, shard: Shard, options: LinkOptions, cache: Path, progress: Progress
) -> None:
    entry = manifest.add((), "source", link, safe_text(link))
    if entry.kind == "list":  # an earlier run wrote down what it holds
        return
    is_list = False
    for one in opened(entry, manifest, options, cache, progress):
        if isinstance(one, Listed):
            is_list = True
            if shard.mine(one.link):
                manifest.add(entry.place, "line", one.link, one.name, index=one.index, address=one.address)
    if is_list:
        manifest.change(entry.place, kind="list", state="done")
    elif not shard.mine(link):
        manifest.change(entry.place, state="done", why="another part's")
