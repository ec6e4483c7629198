"""Names worth telling Whisper, out of what a site says of a recording. Pure.

Only what is marked as a name is taken: quoted, in Latin letters within Chinese, a tag, or who uploaded it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from bili2text.files import clean_text
from bili2text.terms import Term
from bili2text.transcribe.writing import dense, letters, script

_QUOTES = re.compile('《([^《》]+)》|「([^「」]+)」|『([^『』]+)』|“([^“”]+)”|"([^"]+)"')
# ASCII only: in Chinese a link is often followed by text without a blank
_LINK = re.compile(
    r"(?:https?://|www\.)[\x21-\x7e]+|[\w.+-]+@[\w.-]+|[\w-]+(?:\.[\w-]+)*\.(?:com|cn|net|org|tv)\b[\x21-\x7e]*",
    re.ASCII | re.IGNORECASE,
)
_LATIN = "A-Za-z0-9\u00c0-\u024f"
_WORD = re.compile(rf"[{_LATIN}]+(?:[-.'&][{_LATIN}]+)*[+#]*")
_NUMBERED = re.compile(r"(?:bv1\w{9}|(?:av|p|ep|vol|part)\W?\d+)", re.ASCII | re.IGNORECASE)  # ids and parts
_SENTENCE = re.compile("[,.;:!?，。；：！？…]")  # a name with one of these is hardly a name alone
_DENSE_LETTERS = 12  # of a name in a script that writes a syllable with a letter
_LETTERS = 40
_WORDS = 5


def seeded(title: str, part: str, uploader: str | None, tags: Iterable[str]) -> tuple[Term, ...]:
    """Return the names that a recording's own data mark as such, each once: those most likely said first.

    From `title` and `part`: what stands in 《》 「」 『』 “” or "", and, where they hold Chinese, words in
    Latin letters with a capital or a digit. The tags and the uploader's name whole. No links, ids, emoji
    or sentences.
    """
    spoken = [_plain(text) for text in (title, part)]
    found: dict[str, Term] = {}
    for text in (
        *(name for one in spoken for name in _quoted(one)),
        *(name for one in spoken for name in _latin(one)),
        *(_plain(tag).strip("# ") for tag in tags),
        _plain(uploader or ""),
    ):
        if _is_name(text):
            found.setdefault(text.casefold(), Term(text))
    return tuple(found.values())


def _plain(text: str) -> str:
    """Return a text on one line, a blank in place of each link and pictogram."""
    shown = (" " if _is_picture(character) else character for character in _LINK.sub(" ", text))
    return clean_text("".join(shown))


def _is_picture(character: str) -> bool:
    # Sk holds the skin tones; the rest are the marks that make a character a picture
    return unicodedata.category(character) in ("So", "Sk") or character in "\ufe0e\ufe0f\u20e3"


def _quoted(text: str) -> Iterator[str]:
    for match in _QUOTES.finditer(text):
        yield next(group for group in match.groups() if group).strip()


def _latin(text: str) -> Iterator[str]:
    """Yield the names in Latin letters, words that follow each other together, if the text is Chinese."""
    if not any(script(character) == "HAN" for character in text):
        return
    run: list[str] = []
    end = 0
    for match in _WORD.finditer(text):
        named = any(one.isupper() or one.isdigit() for one in match[0]) and not _NUMBERED.fullmatch(match[0])
        if run and (not named or text[end : match.start()] != " "):
            yield " ".join(run)
            run = []
        if named and (run or not match[0].isdigit()):  # a number goes with the word before it: RTX 4060
            run.append(match[0])
            end = match.end()
    if run:
        yield " ".join(run)


def _is_name(text: str) -> bool:
    plain = letters(text)
    if len(text) < 2 or not plain or plain.isdigit() or _NUMBERED.fullmatch(text):
        return False
    # a full stop within a word is part of it: Node.js
    if _SENTENCE.search(re.sub(r"(?<=\w)\.(?=\w)", "", text)):
        return False
    return len(text.split()) <= _WORDS and len(plain) <= (_DENSE_LETTERS if dense(plain) else _LETTERS)
