"""A run as a pair of ONNX graphs, compared with transformers on real sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bili2text.errors import DependencyError, ModelError, UsageError
from bili2text.files import clean_text
from bili2text.progress import Progress, Stage
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.folder import VOCABULARY
from bili2text.seq2seq.values import Pair, Way
from bili2text.workshop.exports.exported import (
    INT8,
    PARTS,
    WHOLE,
    Check,
    Found,
    file_name,
    graph_of,
    manifest,
    tokens_of,
    write_manifest,
)
from bili2text.workshop.exports.nearness import agreeing, nearness, together
from bili2text.workshop.exports.onnx_run import OnnxPair, Said
from bili2text.workshop.run import Run

if TYPE_CHECKING:
    from bili2text.workshop.train.onnx import Original

MOST = 1e-4  # of any state or logit, by which the graphs may differ from transformers in float32
ENOUGH = 0.99  # share of greedy translations that must be the same

Sources = Mapping[Way, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Order:
    """What to make."""

    run: Run
    codec: Codec
    seq: int
    int8: bool
    sources: Sources  # what is compared


def sources_of(pairs: Sequence[Pair], codec: Codec, seq: int) -> dict[Way, list[str]]:
    """Return the sentences of a model's directions that fit the graphs. Raises UsageError for too few."""
    found: dict[Way, list[str]] = {
        way: [pair.source(way) for pair in pairs if 2 < len(codec.source(pair.source(way), way)) <= seq]
        for way in codec.ways
    }
    if not all(found.values()):
        raise UsageError(
            "there is no sentence to compare the graphs on",
            hint=f"every direction needs some of at most {seq} tokens; --data names prepared pairs",
        )
    return found


def write_onnx(order: Order, folder: Path, progress: Progress) -> Found:
    """Write the graphs, the vocabulary and the manifest into an empty folder, and compare.

    Raises ModelError for graphs that do not say what transformers says, UsageError, DependencyError.
    """
    total = sum(len(texts) for texts in order.sources.values())
    with progress.stage("export to ONNX", total * (2 if order.int8 else 1), "sentences") as stage:
        found = _written(order, folder, stage)
    _judge(found.checks[0], progress)
    return found


def _written(order: Order, folder: Path, stage: Stage) -> Found:
    try:
        from bili2text.workshop.train import onnx
    except ImportError as error:
        raise DependencyError(
            f"a model cannot be exported: {error}", hint='pip install "bili2text[workshop]"'
        ) from error
    wanted = _generated(order)
    original = onnx.Original(order.run.model, order.codec)
    original.write(folder, order.seq)
    if order.int8:
        onnx.quantized(folder)
    order.codec.save(folder / VOCABULARY)
    shape = (order.seq, original.width, original.vocabulary)
    graphs = tuple(
        graph_of(folder / file_name(part, precision, "onnx"), part, precision, shape)
        for precision in ((WHOLE, INT8) if order.int8 else (WHOLE,))
        for part in PARTS
    )
    tokens = tokens_of(order.codec, original.begin, original.never)
    name = clean_text(order.run.folder.resolve().name)

    def record(*checks: Check) -> Found:
        found = Found(graphs, checks)
        write_manifest(folder, manifest("onnx", "", name, order.seq, tokens, found, onnx.versions()))
        return found

    record()  # the graphs are run as their manifest says
    return record(*_checked(folder, order, original, wanted, stage))


def _checked(
    folder: Path, order: Order, original: Original, wanted: Sequence[tuple[int, ...]], stage: Stage
) -> list[Check]:
    """Compare sentence by sentence: of a large vocabulary the logits of all at once would be many GB."""
    whole, small = [], []
    less = said_by(folder, INT8, order, stage) if order.int8 else None
    for said, ids in zip(said_by(folder, WHOLE, order, stage), wanted, strict=True):
        whole.append(_with_transformers(original, said, ids))
        if less is not None:
            small.append(_with_whole(next(less), said))
    return [together(one) for one in (whole, small) if one]


def said_by(folder: Path, precision: str, order: Order, stage: Stage) -> Iterator[Said]:
    """Yield the greedy translation of every source, direction by direction."""
    pair = OnnxPair(folder, precision)
    for way, texts in order.sources.items():
        for text in texts:
            yield pair.greedy(order.codec.source(text, way), way)
            stage.advance(1)


def _generated(order: Order) -> list[tuple[int, ...]]:
    """Return what transformers' own search says: it knows nothing of our graphs, padding or loop."""
    from bili2text.workshop.train.convert import Trained

    trained = Trained(order.run.model, order.codec)
    if order.seq > trained.positions:
        raise UsageError(
            f"the model knows {trained.positions} positions, not {order.seq}",
            hint=f"--seq {trained.positions} or less",
        )
    found: list[tuple[int, ...]] = []
    for way, texts in order.sources.items():
        found += trained.greedy(texts, way, order.seq)
    return found


def _with_transformers(original: Original, said: Said, wanted: tuple[int, ...]) -> Check:
    states, logits = said.encoded.states[0, : len(said.source)], list(said.logits)
    found = original.logits(said.source, said.inputs[-1])
    expected = [found[len(before) - 1] for before in said.inputs]
    return Check(
        WHOLE, "transformers", 1, int(said.ids == wanted), len(logits), agreeing(logits, expected),
        nearness([states], [original.states(said.source)]), nearness(logits, expected),
    )  # fmt: skip


def _with_whole(small: Said, whole: Said) -> Check:
    """Compare int8 with float32 as long as both have written the same."""
    rows = [
        (found, wanted)
        for found, wanted, before, same in zip(
            small.logits, whole.logits, small.inputs, whole.inputs, strict=False
        )
        if before == same
    ]
    found, wanted = [one for one, _ in rows], [other for _, other in rows]
    states, original = (one.encoded.states[0, : len(one.source)] for one in (small, whole))
    return Check(
        INT8, WHOLE, 1, int(small.ids == whole.ids), len(rows), agreeing(found, wanted),
        nearness([states], [original]), nearness(found, wanted),
    )  # fmt: skip


def _judge(check: Check, progress: Progress) -> None:
    largest = max(check.states.largest, check.logits.largest)
    if not largest < MOST:
        raise ModelError(
            f"the graphs differ from transformers by {largest:.2g}, more than {MOST:g}",
            hint="nothing was kept; please report it with the run's settings.toml",
        )
    if check.equal == check.sentences or check.equal is None:
        return
    said = (
        f"{check.sentences - check.equal} of {check.sentences} greedy translations differ from transformers'"
    )
    if check.equal < ENOUGH * check.sentences:
        raise ModelError(said, hint="nothing was kept; please report it with the run's settings.toml")
    progress.warn(said)
