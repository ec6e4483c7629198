"""Links and other people's messages, fit to be shown or stored: one line, no secret, no control character."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from bili2text.files import clean_text

# A signed link carries its secret in the query, under a name each host invents. So only what names a public
# page is kept, and only when it is as short as such names are.
_PUBLIC = {"v", "p", "list", "bvid", "aid", "id", "ep_id", "season_id", "sid", "fid"}
_PUBLIC_LENGTH = 40
_LINK = re.compile(r"https?://[^\s'\"<>|]+", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LENGTH = 200


def safe_url(url: str) -> str:
    """Return `url` without user, password, fragment and every part of the query that could be a secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(unreadable link)"
    if ":" in host:
        host = f"[{host}]"
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query)
        if name in _PUBLIC and len(value) <= _PUBLIC_LENGTH
    ]
    query = f"?{urlencode(kept)}" if kept else ""
    return shortened(clean_text(f"{parts.scheme}://{host}{port}{parts.path}{query}"))


def safe_text(text: str) -> str:
    """Return a library's message on one short line, every link in it made safe."""
    plain = clean_text(_COLOUR.sub("", text.replace("\r", " ")))
    return shortened(_LINK.sub(lambda match: safe_url(match[0]), plain))


def shortened(text: str, limit: int = _LENGTH) -> str:
    """Return `text`, at most `limit` characters of it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
