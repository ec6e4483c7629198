"""What labels and distillation are tested with: real pairs, and a tiny Qwen with random weights."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bili2text.seq2seq.values import Pair
from bili2text.workshop.data.corpus import split_path, write_split
from bili2text.workshop.distillation.label import LabelRequest
from bili2text.workshop.distillation.pupils import DistilRequest
from bili2text.workshop.presets import preset

sys.path.insert(0, str(Path(__file__).parents[1] / "translators"))  # for tiny_qwen

BATCH = 4


def short_pairs(count: int, at: int = 0) -> list[Pair]:
    """Real pairs of a few words, which the tiny tokenizer does not make long."""
    from hsk import pairs

    return [pair for pair in pairs() if len(pair.zh) <= 8 and len(pair.en) <= 24][at : at + count]


def write_data(folder: Path, train: Sequence[Pair], dev: Sequence[Pair] = ()) -> Path:
    """Pairs as `workshop prepare` leaves them."""
    folder.mkdir(parents=True)
    for name, found in (("train", train), ("dev", dev), ("test", ())):
        write_split(split_path(folder, name), found)  # type: ignore[arg-type]
    (folder / "data.json").write_text("{}", encoding="utf-8")
    return folder


def asked(data: Path, teacher: Path, **other: object) -> LabelRequest:
    """A labelling of sparse distributions, in shards of eight samples."""
    made = LabelRequest(
        data=data,
        teacher=str(teacher),
        mode="topk",
        k=4,
        batch=BATCH,
        max_tokens=60,
        shard_size=8,
        device="cpu",
    )
    return replace(made, **other)  # type: ignore[arg-type]


def learned(out: Path, *students: str, resume: bool = False) -> DistilRequest:
    """A training of two epochs, two steps to eight samples, a checkpoint at every third step."""
    made = preset("student")
    train = replace(
        made.train,
        precision="fp32",
        batch=BATCH,
        accumulate=1,
        epochs=2,
        eval_every=1000,
        save_every=3,
        patience=0,
    )
    return DistilRequest(out, students or ("tiny",), replace(made, train=train), device="cpu", resume=resume)
