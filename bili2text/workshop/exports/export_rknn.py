"""A run for Rockchip's NPUs: its ONNX graphs converted, simulated, and compared with onnxruntime."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bili2text.errors import ModelError
from bili2text.progress import Progress
from bili2text.seq2seq.folder import VOCABULARY
from bili2text.seq2seq.values import Pair
from bili2text.workshop.exports import rknn
from bili2text.workshop.exports.export_onnx import Order, said_by, write_onnx
from bili2text.workshop.exports.exported import (
    HALF,
    INT8,
    PARTS,
    WHOLE,
    Check,
    Found,
    Graph,
    Part,
    file_name,
    inputs_of,
    manifest,
    read_manifest,
    sha256,
    write_manifest,
)
from bili2text.workshop.exports.nearness import agreeing, nearness
from bili2text.workshop.exports.onnx_run import OnnxPair, Said, padded

NEAR = 0.99  # cosine under which a graph is no copy
_ROWS = 200  # steps of the decoder that are simulated, at most
_CALIBRATION = 64  # sentences; half of their steps

Rows = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Device:
    """What to make for which device, with what."""

    target: str
    python: Path  # that has rknn-toolkit2
    version: str
    calibration: tuple[Pair, ...]  # for int8; none: float16 alone


def write_rknn(order: Order, device: Device, folder: Path, progress: Progress) -> Found:
    """Write graphs for an NPU, the vocabulary and the manifest into an empty folder, and compare.

    Float16, and int8 (w8a8) where there are pairs to calibrate it on. Raises ModelError for float16 graphs
    that the simulator computes otherwise than onnxruntime, RuntimeFailure where the toolkit fails.
    """
    with tempfile.TemporaryDirectory(prefix="work-", dir=folder) as name:
        work = Path(name)
        whole = write_onnx(replace(order, int8=False), work, progress)
        with progress.stage("compute what is simulated", None, "sentences") as stage:
            said = [replace(one, logits=()) for one in said_by(work, WHOLE, order, stage)]
            rows = _rows(said, work)
        datasets = _datasets(order, device.calibration, work)
        found = [_made(HALF, {}, rows, device, work, progress)]
        if datasets:
            found.append(_made(INT8, datasets, rows, device, work, progress))
        _judge([check for _, check in found], progress)
        parts = {one.part: one for one in whole.graphs}
        graphs = tuple(
            _moved(work, folder, parts[part], precision) for (precision, _) in found for part in PARTS
        )
        order.codec.save(folder / VOCABULARY)
        before = read_manifest(work)
        made = Found(graphs, (*whole.checks, *(check for _, check in found)))
        tools = {**before.tools, "rknn-toolkit2": device.version}
        write_manifest(
            folder, manifest("rknn", device.target, before.name, order.seq, before.tokens, made, tools)
        )
    return made


def _rows(said: Sequence[Said], work: Path) -> dict[Part, Rows]:
    """Return what each graph is given and gives, for sentences and the model's own translations of them."""
    model = OnnxPair(work)
    told = model.manifest
    steps = [(one, tokens) for one in said for tokens in one.inputs]
    chosen = [steps[place] for place in spread(len(steps), _ROWS)]
    encoder = {
        "input_ids": np.concatenate([one.encoded.ids for one in said]),
        "attention_mask": np.concatenate([one.encoded.mask for one in said]),
        "found": np.concatenate([one.encoded.states for one in said]),
    }
    given = [_decoder_row(one, tokens, told.seq, told.tokens.pad) for one, tokens in chosen]
    decoder = {name: np.concatenate([row[name] for row in given]) for name in given[0]}
    decoder["found"] = np.stack([model.step(one.encoded, tokens) for one, tokens in chosen])
    for part, rows in (("encoder", encoder), ("decoder", decoder)):
        given_to: dict[str, Any] = {name: row for name, row in rows.items() if name != "found"}
        np.savez(work / f"{part}-rows.npz", **given_to)
    return {"encoder": encoder, "decoder": decoder}


def _decoder_row(said: Said, tokens: Sequence[int], seq: int, pad: int) -> Rows:
    return {
        "input_ids": padded(tokens, seq, pad),
        "attention_mask": padded([1] * len(tokens), seq, 0),
        "encoder_states": said.encoded.states,
        "encoder_attention_mask": said.encoded.mask,
    }


def _datasets(order: Order, pairs: Sequence[Pair], work: Path) -> dict[Part, str]:
    """Write the rows by which int8's scales are found; their decoder reads what a person translated."""
    model = OnnxPair(work)
    told = model.manifest
    lines: dict[Part, list[str]] = {"encoder": [], "decoder": []}
    texts = [(pair, way) for pair in pairs for way in order.codec.ways]
    for number, place in enumerate(spread(len(texts), _CALIBRATION)):
        pair, way = texts[place]
        source = order.codec.source(pair.source(way), way)
        tokens = [told.tokens.begin, *order.codec.target(pair.target(way), way)][:-1]
        if max(len(source), len(tokens)) > told.seq:
            continue
        encoded = model.encode(source)
        said = Said(tuple(source), (), (), finished=True, encoded=encoded, logits=())
        cut = tokens[: max(1, len(tokens) * (number % 4 + 1) // 4)]  # early, middle and late steps
        rows: dict[Part, Rows] = {
            "encoder": {"input_ids": encoded.ids, "attention_mask": encoded.mask},
            "decoder": _decoder_row(said, cut, told.seq, told.tokens.pad),
        }
        for part in PARTS:
            lines[part].append(_dataset_line(rows[part], part, number, told.seq, work))
    if pairs and not lines["encoder"]:
        raise ModelError(
            "no pair to calibrate int8 on fits the graphs", hint="a larger --seq, or other --data"
        )
    for part in PARTS:
        (work / f"{part}-dataset.txt").write_text(
            "".join(f"{one}\n" for one in lines[part]), encoding="utf-8"
        )
    return {part: f"{part}-dataset.txt" for part in PARTS} if lines["encoder"] else {}


def _dataset_line(rows: Rows, part: Part, number: int, seq: int, work: Path) -> str:
    names = []
    for one in inputs_of(part, seq, 0):
        names.append(f"{part}-{number}-{one.name}.npy")
        np.save(work / names[-1], rows[one.name], allow_pickle=False)
    return " ".join(names)


def _made(
    precision: str, datasets: Mapping[Part, str], rows: Mapping[Part, Rows], device: Device, work: Path,
    progress: Progress,
) -> tuple[str, Check]:  # fmt: skip
    orders = [
        rknn.GraphOrder(
            onnx=file_name(part, WHOLE, "onnx"),
            out=file_name(part, precision, "rknn"),
            inputs=tuple(one.name for one in inputs_of(part, 0, 0)),
            rows=f"{part}-rows.npz",
            found=f"{part}-found.npz",
            dataset=datasets.get(part),
        )
        for part in PARTS
    ]
    with progress.stage(f"rknn {precision}", None, "graphs"):
        outcome = rknn.convert(device.python, device.target, orders, work)
    found = {part: _simulated(work / f"{part}-found.npz", rows[part]["found"]) for part in PARTS}
    states = [
        (one[: int(mask.sum())], other[: int(mask.sum())])
        for one, other, mask in zip(
            found["encoder"], rows["encoder"]["found"], rows["encoder"]["attention_mask"], strict=True
        )
    ]
    logits, wanted = list(found["decoder"]), list(rows["decoder"]["found"])
    progress.note(
        f"rknn {precision}: built in {sum(outcome.build_s):.1f} s, simulated in "
        f"{outcome.simulate_s[0]:.2f} s a sentence and {outcome.simulate_s[1]:.2f} s a token"
    )
    return precision, Check(
        precision, f"ONNX {WHOLE}", len(states), None, len(wanted), agreeing(logits, wanted),
        nearness([one for one, _ in states], [other for _, other in states]), nearness(logits, wanted),
        outcome.remarks,
    )  # fmt: skip


def _simulated(path: Path, wanted: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    with np.load(path, allow_pickle=False) as file:
        found: npt.NDArray[np.float32] = file["found"]
    if found.size != wanted.size:
        raise ModelError(f"the simulator gave {found.shape}, not {wanted.shape}")
    return found.reshape(wanted.shape)


def spread(count: int, most: int) -> list[int]:
    """Return at most `most` places below `count`, evenly spread."""
    kept = min(count, most)
    return [place * count // kept for place in range(kept)]


def _judge(checks: Sequence[Check], progress: Progress) -> None:
    """Raise ModelError for float16 that is no copy; int8 that is none is told: another calibration may do."""
    for check in checks:
        lowest = min(check.states.cosine, check.logits.cosine)
        if lowest >= NEAR:
            continue
        said = f"{check.precision} is only near to cosine {lowest:.3f} on the simulator, less than {NEAR}"
        if check.precision != INT8:
            raise ModelError(said, hint="nothing was kept; please report it with the run's settings.toml")
        progress.warn(f"{said}; more pairs in --data may help, float16 is beside it")


def _moved(work: Path, folder: Path, graph: Graph, precision: str) -> Graph:
    name = file_name(graph.part, precision, "rknn")
    path = (work / name).rename(folder / name)
    return replace(graph, precision=precision, file=name, bytes=path.stat().st_size, sha256=sha256(path))
