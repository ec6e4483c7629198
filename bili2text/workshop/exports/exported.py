"""What an export says of itself in its manifest.json: graphs, shapes, tokens, what it was checked on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from bili2text.errors import ModelError
from bili2text.files import clean_text, write_whole
from bili2text.remote.plain import plain, typed
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.values import Way

To = Literal["ct2", "onnx", "rknn"]
Part = Literal["encoder", "decoder"]
Kind = Literal["int32", "float32"]
PARTS: tuple[Part, ...] = get_args(Part)
MANIFEST = "manifest.json"
WHOLE, HALF, INT8 = "float32", "float16", "int8"
_BLOCK = 1 << 20
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a graph; every shape is fixed."""

    name: str
    kind: Kind
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """One file that an engine loads, and what it takes and gives, in its order."""

    part: Part
    precision: str
    file: str
    bytes: int
    sha256: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What whoever runs the graphs must know of the vocabulary."""

    size: int
    begin: int  # the first of the decoder's input
    end: int
    pad: int
    never: tuple[int, ...]  # that are left out when the likeliest is taken
    first: dict[str, int | None]  # by direction: what a translation must begin with, None: nothing


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near numbers are to those they should be."""

    largest: float  # difference
    cosine: float  # the lowest of any row


@dataclass(frozen=True, slots=True)
class Check:
    """One precision of an export, compared sentence by sentence."""

    precision: str
    against: str  # transformers, or a precision of ONNX
    sentences: int
    equal: int | None  # greedy translations that are the same, token by token; None: not translated
    steps: int  # of the decoder that were compared
    agreeing: int  # steps whose likeliest token is the same
    states: Nearness  # of the encoder, where there is a token
    logits: Nearness
    remarks: tuple[str, ...] = ()  # what the converter complained of


@dataclass(frozen=True, slots=True)
class Manifest:
    """An export."""

    format: int
    to: To
    target: str  # the device, "" where it is no device's
    name: str  # of the run
    seq: int  # tokens of a source, and of the decoder's input
    tokens: Tokens
    graphs: tuple[Graph, ...]
    checks: tuple[Check, ...]
    tools: dict[str, str]  # versions


def manifest(
    to: To, target: str, name: str, seq: int, tokens: Tokens, found: Found, tools: dict[str, str]
) -> Manifest:
    """Return the manifest of what was made."""
    return Manifest(_FORMAT, to, target, name, seq, tokens, found.graphs, found.checks, tools)


@dataclass(frozen=True, slots=True)
class Found:
    """What one kind of export came to."""

    graphs: tuple[Graph, ...]
    checks: tuple[Check, ...]


def tokens_of(codec: Codec, begin: int, never: tuple[int, ...]) -> Tokens:
    """Return what a manifest says of a vocabulary."""
    first: dict[str, int | None] = {way: codec.first(way) for way in codec.ways}
    return Tokens(codec.size, begin, codec.end, codec.pad, never, first)


def inputs_of(part: Part, seq: int, width: int) -> tuple[Tensor, ...]:
    """Return what a graph takes, in its order."""
    ids, mask = Tensor("input_ids", "int32", (1, seq)), Tensor("attention_mask", "int32", (1, seq))
    if part == "encoder":
        return ids, mask
    states = Tensor("encoder_states", "float32", (1, seq, width))
    return ids, mask, states, Tensor("encoder_attention_mask", "int32", (1, seq))


def outputs_of(part: Part, seq: int, width: int, vocabulary: int) -> tuple[Tensor, ...]:
    """Return what a graph gives."""
    if part == "encoder":
        return (Tensor("states", "float32", (1, seq, width)),)
    return (Tensor("logits", "float32", (1, vocabulary)),)


def graph_of(path: Path, part: Part, precision: str, shape: tuple[int, int, int]) -> Graph:
    """Return the record of a graph's file; `shape` is (seq, width, vocabulary). Raises OSError."""
    seq, width, vocabulary = shape
    inputs, outputs = inputs_of(part, seq, width), outputs_of(part, seq, width, vocabulary)
    return Graph(part, precision, path.name, path.stat().st_size, sha256(path), inputs, outputs)


def file_name(part: Part, precision: str, suffix: str) -> str:
    """Return what a graph's file is called: encoder.onnx, decoder-int8.rknn."""
    return f"{part}-{INT8}.{suffix}" if precision == INT8 else f"{part}.{suffix}"


def write_manifest(folder: Path, made: Manifest) -> None:
    """Write manifest.json. Raises StorageError."""
    told = json.dumps(plain(made), ensure_ascii=False, indent=1)
    write_whole(folder / MANIFEST, f"{told}\n", overwrite=True)


def read_manifest(folder: Path) -> Manifest:
    """Return what an export says of itself. Raises ModelError where it is none or of another version."""
    shown = clean_text(str(folder))
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        made = typed(Manifest, found)
    except FileNotFoundError as error:
        raise ModelError(f"no export in {shown}", hint="bili2text workshop export makes one") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"damaged export, {MANIFEST} cannot be read: {shown}") from error
    if made.format != _FORMAT:
        raise ModelError(f"this export was written by another version: {shown}", hint="export the run again")
    return made


def first_of(tokens: Tokens, way: Way) -> tuple[int, ...]:
    """Return what the decoder's input begins with. Raises ModelError for a direction it does not know."""
    if way not in tokens.first:
        raise ModelError(f"this export translates {', '.join(tokens.first)} alone, not {way}")
    first = tokens.first[way]
    return (tokens.begin,) if first is None else (tokens.begin, first)


def sha256(path: Path) -> str:
    """Return the sha256 of a file, as hexadecimal digits. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
