"""Which tokens write in which script, so that a model can be kept from writing in one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from bili2text.errors import UsageError
from bili2text.transcribe.writing import script
from bili2text.translators.chat import Chat

SCRIPTS = frozenset({"han", "kana", "hangul", "latin", "greek", "cyrillic"})
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")  # how tokenizers of SentencePiece's kind name a single byte
_LAST = 0x10FFFF


def tokens_of_scripts(chat: Chat, scripts: Iterable[str]) -> list[int]:
    """Return, in order, the ids of the tokens that write a letter of one of these scripts (SCRIPTS).

    A token may be a part of a letter's UTF-8: it is among them when every letter that can begin with it is
    of these scripts (E4 to E9 and nearly all of their pairs for Chinese). What may still be written then
    are the rarest: of "han" those of U+3400 to U+3FFF, byte by byte, for their first byte also begins 。
    and kana. Bytes within a letter are left alone, for alone they write nothing. So are special tokens.
    Raises UsageError for a script that is not known here.
    """
    tokenizer = chat.tokenizer
    added = set(tokenizer.get_added_tokens_decoder())
    plain = tokenizer.get_vocab(with_added_tokens=False).items()
    named = ((token, number) for token, number in plain if number not in added)
    return numbers_of_scripts(named, scripts, byte_level="ByteLevel" in repr(tokenizer.decoder))


def numbers_of_scripts(
    named: Iterable[tuple[str, int]], scripts: Iterable[str], *, byte_level: bool
) -> list[int]:
    """Return, as `tokens_of_scripts`, those of the tokens in `named`, which leaves out the special ones.

    `byte_level`: they are named as GPT-2 does, each byte by one character. Raises UsageError.
    """
    wanted = frozenset(scripts)
    if not wanted <= SCRIPTS:
        raise UsageError(
            f"unknown script {min(wanted - SCRIPTS)!r}", hint=f"one of: {', '.join(sorted(SCRIPTS))}"
        )
    names = frozenset(one.upper() for one in wanted)
    plain = not names & {"LATIN"}  # then no token of ASCII alone is among them
    written = _ByteLevel() if byte_level else _Plain()
    return sorted(
        number
        for token, number in named
        if not (plain and token.isascii() and not _BYTE.fullmatch(token))
        and _writes(written.bytes_of(token), names)
    )


class _ByteLevel:
    """The vocabulary of GPT-2's kind: each byte is written as one printable character."""

    def __init__(self) -> None:
        # the table of openai/gpt-2's encoder.py: what prints stands for itself, the rest is moved behind 255
        shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        hidden = [byte for byte in range(256) if byte not in set(shown)]
        self._bytes = {chr(byte): byte for byte in shown}
        self._bytes |= {chr(256 + place): byte for place, byte in enumerate(hidden)}

    def bytes_of(self, token: str) -> bytes:
        try:
            return bytes([self._bytes[letter] for letter in token])
        except KeyError:  # a token that stands outside of the scheme writes itself
            return token.encode("utf-8", "ignore")


class _Plain:
    """Any other vocabulary: a token is its text, or one byte."""

    def bytes_of(self, token: str) -> bytes:
        found = _BYTE.fullmatch(token)
        return bytes([int(found[1], 16)]) if found else token.encode("utf-8", "ignore")


def _writes(said: bytes, names: frozenset[str]) -> bool:
    text = said.decode("utf-8", "ignore")
    if any(script(letter) in names for letter in text):
        return True
    begun = _begun(said)
    return bool(begun) and _only(begun, names)


def _begun(said: bytes) -> bytes:
    """Return the bytes at the end that begin a letter without ending it."""
    for length in (1, 2, 3):
        lead = said[-length] if length <= len(said) else 0
        if lead >= 0xC2:
            needs = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return said[-length:] if length < needs else b""
        if lead < 0x80:
            return b""
    return b""


@cache
def _only(begun: bytes, names: frozenset[str]) -> bool:
    """Return whether all letters whose UTF-8 begins so, and one at least, are of these scripts."""
    lead = begun[0]
    total = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    value = lead & (0x7F >> total)
    for byte in begun[1:]:
        value = value << 6 | byte & 0x3F
    shift = 6 * (total - len(begun))
    first, last = value << shift, min((value + 1 << shift) - 1, _LAST)
    letters = [letter for letter in map(chr, range(first, last + 1)) if letter.isalpha()]
    return bool(letters) and all(script(letter) in names for letter in letters)
