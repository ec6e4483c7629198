"""The vocabularies of opus-mt: two SentencePiece models over one list of numbers. Imports sentencepiece."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bili2text.errors import DependencyError, ModelError
from bili2text.files import storage_error, whole, write_whole
from bili2text.models.json_object import read_json
from bili2text.seq2seq.values import WAYS, Language, Way, source_of, target_of

KIND = "marian"  # in vocabulary.json
RECORD = "vocabulary.json"
_FILES = ("source.spm", "target.spm", "vocab.json")
_LANGUAGES: dict[str, Language] = {
    "zh": "zh", "zho": "zh", "cmn": "zh", "chi": "zh", "en": "en", "eng": "en",
}  # fmt: skip
# a model of many targets wants to be told which, first of all: opus-mt-en-zh does
_TARGETS: dict[Language, tuple[str, ...]] = {"zh": (">>cmn_Hans<<", ">>zho_Hans<<"), "en": (">>eng<<",)}
_HINT = "take a folder of opus-mt-zh-en or opus-mt-en-zh, as it was downloaded"


class MarianCodec:
    """One direction. A source is tokens and the end, after the target's mark where the model has one.

    The same numbers as transformers' MarianTokenizer gives, without its normalisation by sacremoses, which
    is left out there too where that library is not installed. Pad begins the decoder's input in such models.
    """

    __slots__ = (
        "_folder",
        "_mark",
        "_names",
        "_numbers",
        "_pieces",
        "_unknown",
        "end",
        "pad",
        "size",
        "ways",
    )

    def __init__(self, folder: Path, way: Way) -> None:
        """Read the three files. Raises ModelError where one is missing or wrong."""
        self._folder = folder
        self._numbers = _numbers(folder / "vocab.json")
        self._names = {number: name for name, number in self._numbers.items()}
        self.size: int = len(self._names)
        if sorted(self._names) != list(range(self.size)):
            raise ModelError(f"{folder / 'vocab.json'} has gaps", hint=_HINT)
        try:
            self.pad: int = self._numbers["<pad>"]
            self.end: int = self._numbers["</s>"]
            self._unknown = self._numbers["<unk>"]
        except KeyError as error:
            raise ModelError(f"{folder / 'vocab.json'} has no {error.args[0]}", hint=_HINT) from error
        self.ways: tuple[Way, ...] = (way,)
        marks = (self._numbers[mark] for mark in _TARGETS[target_of(way)] if mark in self._numbers)
        self._mark = next(marks, None)
        self._pieces = {
            source_of(way): _pieces(folder / "source.spm"),
            target_of(way): _pieces(folder / "target.spm"),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._folder, self.ways[0])

    @classmethod
    def open(cls, folder: Path) -> MarianCodec:
        """Return the vocabulary in a folder of opus-mt, or in one that `save` wrote. Raises ModelError."""
        return cls(folder, _way(folder))

    def source(self, text: str, way: Way) -> list[int]:
        """Return tokens and the end. Raises ModelError for the other direction."""
        mark = [] if self._mark is None else [self._mark]
        return [*mark, *self._encode(text, source_of(self._checked(way))), self.end]

    def target(self, text: str, way: Way) -> list[int]:
        """Return tokens and the end. Raises ModelError for the other direction."""
        return [*self._encode(text, target_of(self._checked(way))), self.end]

    def first(self, way: Way) -> int | None:
        """Return None: these models begin as they like. Raises ModelError for the other direction."""
        self._checked(way)
        return None

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of a target's tokens."""
        names = [self._name(number) for number in ids if number not in (self.pad, self.end, self._unknown)]
        found: str = self._pieces[target_of(self.ways[0])].decode_pieces(names)
        return found

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the names of tokens."""
        return [self._name(number) for number in ids]

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the numbers of named tokens. Raises ModelError for one that is not in the vocabulary."""
        strange = [token for token in tokens if token not in self._numbers]
        if strange:
            raise ModelError(f"there is no token {strange[0]!r} in this vocabulary")
        return [self._numbers[token] for token in tokens]

    def save(self, folder: Path) -> None:
        """Copy the three files, and write vocabulary.json last. Raises StorageError, or ModelError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if folder.samefile(self._folder):
                return
            (folder / RECORD).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error
        for name in _FILES:
            with whole(folder / name) as temporary:
                try:
                    shutil.copyfile(self._folder / name, temporary)
                except FileNotFoundError as error:
                    raise ModelError(f"there is no {self._folder / name} any more") from error
        told = {"kind": KIND, "size": self.size, "ways": list(self.ways)}
        write_whole(folder / RECORD, json.dumps(told), overwrite=True)

    def _encode(self, text: str, language: Language) -> list[int]:
        pieces = self._pieces[language].encode(text, out_type=str)
        return [self._numbers.get(piece, self._unknown) for piece in pieces]

    def _name(self, number: int) -> str:
        try:
            return self._names[number]
        except KeyError as error:
            raise ModelError(f"there is no token {number} in this vocabulary of {self.size}") from error

    def _checked(self, way: Way) -> Way:
        if way not in self.ways:
            raise ModelError(f"this vocabulary is for {self.ways[0]}, not {way}")
        return way


def _way(folder: Path) -> Way:
    """Return the direction that our record or Hugging Face's configuration tells."""
    record = folder / RECORD
    if record.is_file():
        ways = read_json(record, hint=_HINT).get("ways")
        found = next((way for way in WAYS if ways == [way]), None)
        if found is not None:
            return found
        raise ModelError(f"{record} does not say which direction it is for")
    told = read_json(folder / "tokenizer_config.json", hint=_HINT)
    named = [_LANGUAGES.get(str(told.get(key))) for key in ("source_lang", "target_lang")]
    found = next((way for way in WAYS if [source_of(way), target_of(way)] == named), None)
    if found is None:
        raise ModelError(f"{folder / 'tokenizer_config.json'} is of no model of zh and en", hint=_HINT)
    return found


def _numbers(path: Path) -> dict[str, int]:
    told = read_json(path, hint=_HINT)
    if not told or not all(type(number) is int for number in told.values()):
        raise ModelError(f"{path} is no list of tokens", hint=_HINT)
    return told


def _pieces(path: Path) -> Any:  # noqa: ANN401 - sentencepiece has no types
    try:
        import sentencepiece
    except ImportError as error:
        raise DependencyError(
            "opus-mt's vocabulary needs sentencepiece", hint='pip install "bili2text[workshop]"'
        ) from error
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(path.read_bytes())
    except (OSError, RuntimeError) as error:
        raise ModelError(f"cannot read {path}", hint=_HINT) from error
    return processor
