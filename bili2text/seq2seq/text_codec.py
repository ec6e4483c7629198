"""A vocabulary of both languages, a BPE of the `tokenizers` library: a student's own, NLLB's, or Qwen's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bili2text.errors import ModelError
from bili2text.files import storage_error, whole, write_whole
from bili2text.models.json_object import read_json
from bili2text.seq2seq import learn, tokenizer_json
from bili2text.seq2seq.values import (
    END,
    LANGUAGE_TOKENS,
    PAD,
    SPECIALS,
    UNKNOWN,
    WAYS,
    Language,
    Way,
    source_of,
    target_of,
)

KIND = "text"  # in vocabulary.json
RECORD = "vocabulary.json"  # written last: a folder that has it is whole
_TOKENIZER = "tokenizer.json"
_VOCABULARY_BYTES = 1 << 28  # of a tokenizer.json, at most
_RENUMBERED = "renumbered.npy"


class TextCodec:
    """Sources and targets begin with their language and end with END, as NLLB's do (arXiv 2207.04672, 8.1).

    No text can become a special token, whatever it spells. `renumbered` is, where the vocabulary was made of
    a teacher's, the number here for each of the teacher's: int32 [size]; several of the teacher's may be one.
    """

    __slots__ = ("_json", "_languages", "_names", "_tokenizer", "end", "pad", "renumbered", "size", "ways")

    def __init__(
        self,
        tokenizer: str,
        ways: Sequence[Way] = WAYS,
        renumbered: npt.NDArray[np.int32] | None = None,
    ) -> None:
        """Take the JSON of a tokenizer whose numbers have no gaps. Raises ModelError for another."""
        self._json = tokenizer
        self._tokenizer = _tokenizer(tokenizer)
        self.size: int = self._tokenizer.get_vocab_size()
        self.pad = PAD
        self.end = END
        self.ways: tuple[Way, ...] = tuple(ways)
        self.renumbered = renumbered
        self._names: list[str] = [self._tokenizer.id_to_token(number) for number in range(self.size)]
        if None in self._names or tuple(self._names[: len(SPECIALS)]) != SPECIALS:
            raise ModelError(f"the vocabulary does not begin with {' '.join(SPECIALS)}, or has gaps")
        self._languages: dict[Language, int] = {
            language: self._tokenizer.token_to_id(token) for language, token in LANGUAGE_TOKENS.items()
        }
        if None in self._languages.values():
            raise ModelError(f"the vocabulary has no {' or '.join(LANGUAGE_TOKENS.values())}")

    def __reduce__(self) -> tuple[Any, ...]:
        # by what it was made of: a pickled tokenizer forgets that special tokens are not looked for in texts
        return type(self), (self._json, self.ways, self.renumbered)

    @classmethod
    def open(cls, folder: Path) -> TextCodec:
        """Return the vocabulary that `save` wrote. Raises ModelError where it is not there or not whole."""
        try:
            told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            text = (folder / _TOKENIZER).read_text(encoding="utf-8")
            table = folder / _RENUMBERED
            renumbered = np.load(table, allow_pickle=False) if table.is_file() else None
            codec = cls(text, tuple(told["ways"]), renumbered)
        except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError(f"no whole vocabulary in {folder}") from error
        fits = renumbered is None or _numbers_of(renumbered, codec.size)
        if codec.size != told["size"] or not set(codec.ways) <= set(WAYS) or not fits:
            raise ModelError(f"the files of the vocabulary in {folder} do not belong together")
        return codec

    def source(self, text: str, way: Way) -> list[int]:
        """Return the source's language, tokens, the end."""
        return [self._languages[source_of(way)], *self._encode(text), END]

    def target(self, text: str, way: Way) -> list[int]:
        """Return the target's language, tokens, the end."""
        return [self._languages[target_of(way)], *self._encode(text), END]

    def first(self, way: Way) -> int | None:
        """Return the target's language."""
        return self._languages[target_of(way)]

    def text(self, ids: Sequence[int]) -> str:
        """Return the text; bytes that are no UTF-8 become U+FFFD. Raises ModelError for an unknown number."""
        languages = set(self._languages.values())
        kept = [number for number in ids if number > UNKNOWN and number not in languages]
        if kept and max(kept) >= self.size:
            raise ModelError(f"there is no token {max(kept)} in this vocabulary of {self.size}")
        found: str = self._tokenizer.decode(kept, skip_special_tokens=True)
        return found

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the names of tokens: each number below `size` has one, and no two the same."""
        return [self._names[number] for number in ids]

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the numbers of named tokens. Raises ModelError for one that is not in the vocabulary."""
        found = [self._tokenizer.token_to_id(token) for token in tokens]
        if None in found:
            raise ModelError(f"there is no token {tokens[found.index(None)]!r} in this vocabulary")
        return found

    def trimmed(self, keep: Iterable[int]) -> tuple[TextCodec, npt.NDArray[np.int32]]:
        """Return the vocabulary with only these tokens and what they are made of, and their old numbers.

        Those are int32 [tokens kept], in the order of the new ones: rows of the embedding to take. What is
        written with other tokens is made of smaller ones, or <unk> where the vocabulary has no bytes.
        """
        made, old = tokenizer_json.kept(json.loads(self._json), keep)
        return TextCodec(_dumped(made), self.ways), old

    def save(self, folder: Path) -> None:
        """Write vocabulary.json, tokenizer.json and, if there is one, renumbered.npy. Raises StorageError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / RECORD).unlink(missing_ok=True)
            (folder / _RENUMBERED).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error
        write_whole(folder / _TOKENIZER, self._json, overwrite=True)
        if self.renumbered is not None:
            with whole(folder / _RENUMBERED) as temporary, temporary.open("wb") as file:
                np.save(file, self.renumbered, allow_pickle=False)
        told = {"kind": KIND, "size": self.size, "ways": list(self.ways)}
        write_whole(folder / RECORD, json.dumps(told), overwrite=True)

    def _encode(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found


def trained(texts: Iterable[str], size: int) -> TextCodec:
    """Return a vocabulary of `size` tokens learned from the texts, the same one each time.

    Any text is written with it and comes back as it was. Raises UsageError as learn.learned does.
    """
    return TextCodec(_dumped(learn.learned(texts, size)))


def of_nllb(folder: Path) -> TextCodec:
    """Return the vocabulary in a folder of NLLB as Hugging Face has it, as large as the model's embedding.

    Reads tokenizer.json and config.json. Raises ModelError where they are not there or no BPE.
    """
    config = read_json(folder / "config.json")
    found = read_json(folder / _TOKENIZER, most=_VOCABULARY_BYTES)
    size = config.get("vocab_size")
    if not isinstance(size, int):
        raise ModelError(f"{folder / 'config.json'} does not say vocab_size")
    return TextCodec(_dumped(tokenizer_json.filled(found, size)))


def of_qwen(tokenizer: Path, size: int = 151_936) -> TextCodec:
    """Return a student's vocabulary made of a teacher's tokenizer.json; `size` is the teacher's embedding.

    Raises ModelError as tokenizer_json.of_teacher does.
    """
    made, renumbered = tokenizer_json.of_teacher(read_json(tokenizer, most=_VOCABULARY_BYTES), size)
    return TextCodec(_dumped(made), renumbered=renumbered)


def _numbers_of(table: npt.NDArray[np.int32], size: int) -> bool:
    return table.dtype == np.int32 and table.ndim == 1 and bool(((table >= 0) & (table < size)).all())


def _dumped(tokenizer: dict[str, Any]) -> str:
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))


def _tokenizer(text: str) -> Any:  # noqa: ANN401 - tokenizers.Tokenizer, which has no types
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_str(text)
    except Exception as error:  # the library raises Exception itself
        raise ModelError(f"the vocabulary cannot be read: {str(error).splitlines()[0]}") from error
    made.encode_special_tokens = True
    return made
