"""Bytes of a text file -> its text, in the encodings that subtitle files come in. Pure."""

from __future__ import annotations

import codecs

from bili2text.errors import SourceError

_HINT = "save it as UTF-8"
_MARKS = (  # the longer first: a UTF-32 mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CUT = 3  # bytes of a character of UTF-8 that a file cut off at its end can leave
_MOST_NULS = 0.1  # of the bytes; a damaged text file has a few, UTF-16 without a mark has half


def decoded(raw: bytes, name: str) -> tuple[str, str]:
    """Return the text of a file, and one line for the user where it was not plain UTF-8, else "".

    A byte order mark is believed; else it is UTF-8, or GB18030 with a warning.
    Raises SourceError for what is no text in these.
    """
    encoding = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), "")
    if encoding:
        try:
            return raw.decode(encoding), ""
        except UnicodeDecodeError as error:
            raise SourceError(f"{name} is no text in {encoding.upper()}", hint=_HINT) from error
    if raw.count(0) > _MOST_NULS * len(raw):
        raise SourceError(f"{name} is no text in UTF-8", hint=_HINT)
    return _unmarked(raw, name)


def _unmarked(raw: bytes, name: str) -> tuple[str, str]:
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and error.start and len(raw) - error.start <= _CUT:
            return raw[: error.start].decode("utf-8"), f"{name} ends inside a character: it was cut off"
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError as error:
        raise SourceError(f"{name} is no text in UTF-8", hint=_HINT) from error
    return text, f"{name} is not UTF-8: read as GB18030; if its text looks wrong, save it as UTF-8"
