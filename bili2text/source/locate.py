"""What the user named: a link, a Bilibili id, a local file or standard input. Nothing is opened here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text

# BV ids are base 58 (no 0, O, I, l) and the case of their letters counts; that of the prefix does not.
_BV = re.compile(r"(?i:bv)(1[1-9A-HJ-NP-Za-km-z]{9})/?(?:\?(.*))?")
_AV = re.compile(r"(?i:av)([1-9][0-9]{0,19})/?(?:\?(.*))?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?=//|[^\\/\s])")
_LINK = re.compile(r"https?://[^\s<>\"'，。；】」）]+", re.IGNORECASE)
_PREFIX_CASE = re.compile(r"(?<=/video/)(?:bv(?=1)|AV(?=\d)|Av(?=\d)|aV(?=\d)|Bv(?=1)|bV(?=1))")
# Hosts people paste without a scheme. Any other "host/path" could as well be a missing file.
_BARE_HOST = re.compile(
    r"(?i:(?:[a-z0-9-]+\.)*bilibili\.com|b23\.tv|bili2233\.cn|(?:www\.|m\.|music\.)?youtube\.com|youtu\.be)(?=[/?])"
)
_SHOWN = 120  # characters of the user's own text repeated in an error


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to transcribe: exactly one of `url` and `path` is set, neither for standard input."""

    kind: Literal["link", "file", "stdin"]
    given: str  # as the user wrote it
    url: str | None = None
    path: Path | None = None


def locate(text: str, exists: Callable[[str], bool]) -> Source:
    """Return the Source that `text` names; `exists` says whether a local path is there.

    An existing local file wins over an id and over a link without a scheme, because only the user's own
    folder can hold a file called "av170001". Raises UsageError for nothing at all, SourceError otherwise.
    """
    given = text.strip()
    if not given:
        raise UsageError(
            "no source was given", hint="name a link, a Bilibili BV id, a file, or - for standard input"
        )
    if given == "-":
        return Source("stdin", given)
    if given.lower().startswith(("http://", "https://")):
        return Source("link", given, url=_checked(given))
    if exists(text):
        return Source("file", given, path=Path(text))
    url = _bilibili(given) or _bare(given) or _shared(given)
    if url:
        return Source("link", given, url=_checked(url))
    raise _refusal(given)


def _bilibili(given: str) -> str | None:
    """Return the page of a BV or av id, with its part when one is named."""
    for pattern, prefix in ((_BV, "BV"), (_AV, "av")):
        match = pattern.fullmatch(given)
        if match:
            part = parse_qs(match[2] or "").get("p", [""])[-1]
            if part and not re.fullmatch(r"[1-9][0-9]{0,5}", part):
                raise SourceError(
                    f"not the number of a part: {_shown(part)}", hint="write BV...?p=3 for part 3"
                )
            return f"https://www.bilibili.com/video/{prefix}{match[1]}" + (f"?p={part}" if part else "")
    return None


def _bare(given: str) -> str | None:
    return f"https://{given}" if _BARE_HOST.match(given) else None


def _shared(given: str) -> str | None:
    """Return the link in what Bilibili's share button copies ("【title】 https://..."), if only one."""
    links = _LINK.findall(given)
    return links[0] if len(links) == 1 and not _SCHEME.match(given) else None


def _checked(url: str) -> str:
    """Return `url` as yt-dlp knows it. Raises SourceError when it is no usable address."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() or not character.isprintable() for character in url):
        raise SourceError(f"not a usable link: {_shown(url)}", hint="copy the whole address from the browser")
    url = re.sub(r"(?i)^(https?://)m\.bilibili\.com(?=/video/)", r"\1www.bilibili.com", url)
    if "bilibili.com/" in url:
        url = _PREFIX_CASE.sub(lambda match: "BV" if match[0][0] in "bB" else "av", url)
    return url


def _refusal(given: str) -> SourceError:
    scheme = _SCHEME.match(given)
    if scheme and "://" in given:
        hint = (
            "give the path itself, without file://"
            if scheme[1].lower() == "file"
            else "give an http or https link"
        )
        return SourceError(f"{scheme[1].lower()}:// links are not opened: {_shown(given)}", hint=hint)
    if re.fullmatch(r"(?i:bv)[0-9A-Za-z]{5,20}", given):
        return SourceError(
            f"not a Bilibili id: {_shown(given)}",
            hint="an id is BV1 and nine more letters or digits, case matters",
        )
    return SourceError(
        f"no such file: {_shown(given)}",
        hint="check the path, or give a whole link (https://...) or a Bilibili BV id",
    )


def _shown(text: str) -> str:
    text = clean_text(text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
