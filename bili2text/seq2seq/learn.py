"""Texts -> a vocabulary of their own: BPE over characters, bytes for the rare ones; the same each time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from bili2text.errors import UsageError
from bili2text.seq2seq.tokenizer_json import OURS, filled

MOST_TEXTS = 1_000_000  # are read; more change the counts of common words no longer
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))  # as the tokenizers library calls them
_LEAST = 2 * (len(OURS) + len(_BYTES))  # leaves half of the rest for merges when all of _ALWAYS are in it
_COVERED = 0.9998  # of all characters in the texts are tokens; the rest are bytes
# numbers, names and links need them, however few the texts are
_ALWAYS = tuple(chr(code) for code in range(0x20, 0x7F)) + tuple("，。？！：；、“”‘’（）《》…—")
_LONGEST = 12  # characters of a token
# What BPE merges within: Chinese, other letters with the blank before them, one digit, marks, blanks. No
# merge crosses them, so a text that spells <0x0A> or </s> never becomes that token.
_CUTS = (
    r"(?i:['’](?:s|t|re|ve|m|ll|d)\b)|\p{Han}+| ?[[\p{L}\p{M}]&&[^\p{Han}]]+| ?\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+"
)


def learned(texts: Iterable[str], size: int) -> dict[str, Any]:
    """Return the JSON of a tokenizer of `size` tokens, from the first million of the texts.

    Special tokens first, then the languages, the 256 bytes, characters, merges. Where the texts are too few
    for so many tokens, the rest have names and no use. The texts are held in memory meanwhile.
    Raises UsageError for no text at all, or a size that has no room for the bytes and as many tokens again.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    if size < _LEAST:
        raise UsageError(f"a vocabulary of {size} tokens is too small", hint=f"take at least {_LEAST}")
    held = list(islice(texts, MOST_TEXTS))
    characters = _characters(held, (size - len(OURS) - len(_BYTES)) // 2)
    if not characters:
        raise UsageError("there is no text to learn a vocabulary from")
    tokenizer = Tokenizer(models.BPE(unk_token=OURS[3], byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_CUTS), "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[*OURS, *_BYTES],
        initial_alphabet=characters,
        limit_alphabet=len(characters),
        max_token_length=_LONGEST,
        show_progress=False,
    )
    tokenizer.train_from_iterator(held, trainer, length=len(held))
    # not as added tokens: those are found within any text
    return filled({**json.loads(tokenizer.to_str()), "added_tokens": []}, size)


def _characters(texts: Iterable[str], most: int) -> list[str]:
    """Return what is always a token and the commonest characters that cover the texts, `most` at most."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    if not counts:
        return []
    wanted = _COVERED * counts.total()
    found = dict.fromkeys(_ALWAYS)
    # among equals the order of Unicode decides, so that it is always the same
    for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if wanted <= 0 or len(found) >= most:
            break
        found.setdefault(character)
        wanted -= count
    return list(found)
