"""What is written letter by letter and must not be changed: links, addresses, code. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bili2text.chinese.edits import Edit

HAN = "々〇㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff"

_LITERAL = re.compile(
    # a link; Chinese belongs to it only after / or =, as in the addresses of encyclopaedias
    # lengths are bounded, so that a long row of letters takes no more than its length (RFC 5321: 64)
    rf"[A-Za-z][A-Za-z0-9+.-]{{0,20}}://[!-~]+(?:(?<=[/=])[{HAN}]+[!-~]*)*"
    r"|www\.[!-~]+"
    r"|[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
    r"|`[^`\n]+`"
)
_TRAILING = ",.;:!?)]}'\""  # belong to the sentence around a link, not to it


def literals(text: str) -> Iterator[tuple[int, int]]:
    """Yield where in the text, [start, end), something stands that is spelled letter by letter."""
    for match in _LITERAL.finditer(text):
        yield match.start(), match.start() + len(match[0].rstrip(_TRAILING))


def outside(edits: Iterable[Edit], text: str) -> Iterator[Edit]:
    """Yield the edits that leave everything alone that is spelled letter by letter."""
    kept = tuple(literals(text))
    for edit in edits:
        if not any(edit.start < end and edit.end > start for start, end in kept):
            yield edit
