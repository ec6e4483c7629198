"""Pairs as numbered tokens on disk, read where they lie: 11 million examples are no burden on memory."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from bili2text.errors import SourceError, UsageError
from bili2text.files import write_whole
from bili2text.progress import Progress
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.values import WAYS, Pair, Way
from bili2text.workshop.folders import whole_folder
from bili2text.workshop.train.examples import Example

_TOKENS, _ENDS, _WAYS, _RECORD = "tokens.i32", "ends.npy", "ways.npy", "encoded.json"
_EVERY = 1000  # pairs between two steps of a progress bar


class Encoded(Sequence[Example]):
    """The examples that `encode` wrote, in the order of the pairs. Sent to another process by its folder."""

    def __init__(self, folder: Path) -> None:
        """Open the files. Raises SourceError where they are not there, or not whole."""
        self.folder = folder
        try:
            told = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
            self.too_long: int = told["too_long"]
            self._ends: npt.NDArray[np.int64] = np.load(folder / _ENDS, mmap_mode="r", allow_pickle=False)
            self._ways: npt.NDArray[np.uint8] = np.load(folder / _WAYS, mmap_mode="r", allow_pickle=False)
            tokens = int(self._ends[-1]) if len(self._ends) else 0
            self._tokens: npt.NDArray[np.int32] = (
                np.memmap(folder / _TOKENS, np.int32, "r", shape=(tokens,))
                if tokens
                else np.zeros(0, np.int32)
            )
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise SourceError(f"the numbered pairs in {folder} are not whole", hint="remove them") from error

    def __reduce__(self) -> tuple[type[Encoded], tuple[Path]]:
        return Encoded, (self.folder,)

    def __len__(self) -> int:
        return len(self._ways)

    @overload
    def __getitem__(self, place: int) -> Example: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Example]: ...

    def __getitem__(self, place: int | slice) -> Example | Sequence[Example]:
        """Return the example at a place, or those of a slice."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        begin = int(self._ends[2 * place - 1]) if place else 0
        middle, end = (int(one) for one in self._ends[2 * place : 2 * place + 2])
        source, labels = self._tokens[begin:middle], self._tokens[middle:end]
        return Example(WAYS[self._ways[place]], tuple(source.tolist()), tuple(labels.tolist()))

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each example, both sides together."""
        ends = np.asarray(self._ends[1::2])
        return np.diff(ends, prepend=0)


@dataclass(frozen=True, slots=True)
class Ordered:
    """Examples (the protocol) of another order."""

    examples: Sequence[Example]
    order: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> Example:
        return self.examples[int(self.order[place])]


def encode(
    pairs: Sequence[Pair],
    codec: Codec,
    ways: Sequence[Way],
    max_tokens: int,
    folder: Path,
    progress: Progress,
) -> Encoded:
    """Number the pairs in every direction into `folder`, whole or not at all, and return the examples.

    An example of which a side has more than `max_tokens` tokens, language and end included, is left out.
    Raises UsageError where none is left, StorageError; errors of the pairs pass through.
    """
    numbered = _Numbered(codec, ways, max_tokens)
    with whole_folder(folder) as staging, progress.stage("encode", len(pairs), "pairs") as stage:
        with (staging / _TOKENS).open("wb") as file:
            for count, pair in enumerate(pairs, 1):
                for tokens in numbered.of(pair):
                    file.write(tokens.tobytes())
                if count % _EVERY == 0:
                    stage.advance(_EVERY)
        if not numbered.ways:
            raise UsageError(
                f"no pair has at most {max_tokens} tokens on both sides", hint="pass a higher --max-tokens"
            )
        np.save(staging / _ENDS, np.asarray(numbered.ends, np.int64), allow_pickle=False)
        np.save(staging / _WAYS, np.frombuffer(numbered.ways, np.uint8), allow_pickle=False)
        write_whole(staging / _RECORD, json.dumps({"too_long": numbered.too_long}), overwrite=True)
    return Encoded(folder)


def examples_of(pairs: Sequence[Pair], codec: Codec, way: Way, max_tokens: int) -> list[Example]:
    """Return the pairs in one direction, those left out of which a side has more than `max_tokens` tokens."""
    found = (_example(pair, codec, way) for pair in pairs)
    return [one for one in found if max(len(one.source), len(one.labels)) <= max_tokens]


class _Numbered:
    """What is numbered so far: where each side ends, and which direction each example has."""

    def __init__(self, codec: Codec, ways: Sequence[Way], max_tokens: int) -> None:
        self._codec, self._ways, self._most = codec, tuple(ways), max_tokens
        self.ends, self.ways = array("q"), bytearray()
        self.too_long = 0

    def of(self, pair: Pair) -> Iterator[npt.NDArray[np.int32]]:
        """Yield the tokens of a pair's examples, source and labels."""
        for way in self._ways:
            one = _example(pair, self._codec, way)
            if max(len(one.source), len(one.labels)) > self._most:
                self.too_long += 1
                continue
            self.ways.append(WAYS.index(way))
            for side in (one.source, one.labels):
                self.ends.append((self.ends[-1] if self.ends else 0) + len(side))
                yield np.array(side, np.int32)


def _example(pair: Pair, codec: Codec, way: Way) -> Example:
    source, target = pair.source(way), pair.target(way)
    return Example(way, tuple(codec.source(source, way)), tuple(codec.target(target, way)))
