"""A record of a journal <-> one line of bytes: `crc32 json`, its number inside. Pure.

CRC-32 finds every flipped bit and every burst of up to 32 (Koopman, 32-Bit Cyclic Redundancy Codes for
Internet Applications, DSN 2002). What it cannot tell, a whole line in the wrong place, the number does.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from bili2text.subtitles.writers import Json

LIMIT = 64 * 1024 * 1024  # bytes of one line; the cuts of a day of sound take less than a hundredth
_CRC = 8  # hexadecimal digits


def line(number: int, record: Mapping[str, Json]) -> bytes:
    """Return the line of a record: ASCII, its floats exact, its keys in their order.

    Lone surrogates survive. Raises ValueError for NaN and infinities, and for a record over `LIMIT`;
    TypeError for what is not JSON.
    """
    text = json.dumps({"n": number, "record": record}, allow_nan=False, default=_plain, separators=(",", ":"))
    body = text.encode("ascii")
    if len(body) + _CRC + 2 > LIMIT:
        raise ValueError(f"a record of {len(body)} bytes is too large for a journal")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def record_of(raw: bytes, number: int) -> dict[str, Any] | None:
    """Return the record in a line, or None unless it is whole, unchanged and record `number`."""
    digits, body = raw[:_CRC], raw[_CRC + 1 : -1]
    if raw[_CRC : _CRC + 1] != b" " or raw[-1:] != b"\n" or digits != b"%08x" % zlib.crc32(body):
        return None
    try:
        found = json.loads(body.decode("ascii"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.keys() != {"n", "record"}:
        return None
    record = found["record"]
    return record if type(found["n"]) is int and found["n"] == number and isinstance(record, dict) else None


def canonical(value: Json) -> str:
    """Return one text for all spellings of a value: keys sorted, tuples as lists, floats by their repr.

    Raises ValueError for NaN and infinities, TypeError for what is not JSON.
    """
    return json.dumps(value, allow_nan=False, default=_plain, separators=(",", ":"), sort_keys=True)


def _plain(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):  # json writes a dict alone, not every mapping
        return dict(value)
    raise TypeError(f"not JSON: {type(value).__name__}")


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
