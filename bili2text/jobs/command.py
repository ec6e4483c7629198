"""A command line, fit to be stored: what it may hold of secrets is taken out. Pure."""

from __future__ import annotations

import re

from bili2text.source.redact import safe_url

# up to the punctuation that may follow a link in Chinese text, as in what a share button copies
_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>|，。；】」）]+")
_SECRETIVE = re.compile(r"[?#@]")  # what a link without these shows is its host and path alone
_PROXY = "--proxy"


def without_secrets(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return `command`, its links and its proxy without passwords, signatures and tokens.

    A command that comes back as it was can be run again as it is; another one may lack what it needs.
    """
    return tuple(_word(word, before) for before, word in zip(("", *command), command, strict=False))


def _word(word: str, before: str) -> str:
    if before == _PROXY and "://" not in word:
        word = word.rpartition("@")[2]
    elif word.startswith(f"{_PROXY}=") and "://" not in word:
        word = f"{_PROXY}={word.partition('=')[2].rpartition('@')[2]}"
    return _LINK.sub(lambda found: safe_url(found[0]) if _SECRETIVE.search(found[0]) else found[0], word)
