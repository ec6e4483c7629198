"""`--shard i/n`: which recordings of a list are this run's, so that n runs share it without talking. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import UsageError

_FORM = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index`, from 1, of `count`."""

    index: int
    count: int

    def mine(self, link: str) -> bool:
        """Return whether what this link names belongs to this part: by the link alone, whatever its place.

        So a list in another order, or one that grew, is divided as before.
        """
        digest = hashlib.sha256(link.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1

    def name(self, name: str) -> str:
        """Return what this part of a list is called: each has a manifest of its own.

        A name that says so already, as one that `batch retry` was given, stays.
        """
        tail = f"-{self.index:0{len(str(self.count))}d}of{self.count}"
        return name if name.endswith(tail) else name + tail


def shard_of(text: str) -> Shard:
    """Return the part that "2/8" means. Raises UsageError."""
    found = _FORM.fullmatch(text.strip())
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(
            f"no part of a list: --shard {text[:40]!r}", hint="as in --shard 2/8, the second of eight"
        )
    return Shard(int(found[1]), int(found[2]))


def divided(sources: Iterable[str], shard: Shard) -> tuple[str, ...]:
    """Return the sources of this part; a folder is replaced by its files, which are divided.

    A link is opened by its part alone, so a playlist among several sources is not divided: no site is asked
    n times what one answer tells. Raises SourceError for a folder that cannot be read.
    """
    return tuple(source for source in _unfolded(sources) if shard.mine(source))


def _unfolded(sources: Iterable[str]) -> Iterable[str]:
    # here, not above: what opens folders opens links, too, and `Shard` should cost no yt-dlp
    from bili2text.lists.expand import media_files

    for source in sources:
        folder = Path(source)
        if "://" not in source and folder.is_dir():
            yield from (str(path.absolute()) for path in media_files(folder))
        else:
            yield source
