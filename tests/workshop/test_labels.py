"""Labels on the disk: what is read is what was written, and what is not is named."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bili2text.errors import ModelError, StorageError
from bili2text.seq2seq.values import WAYS
from bili2text.workshop.distillation import labels as on_disk
from bili2text.workshop.distillation.labels import PART, Label, LabelSet, Opinion, Sample
from bili2text.workshop.distillation.parts import Part, parts_of, verify_shard, write_part

SET = LabelSet(
    "some/teacher", "ab", "auto", "topk", 3, WAYS, "cd", 10, 2 * PART + 1, PART + 2, 64, 500, "ef", 2, 16
)  # fmt: skip


def made(count: int, vocabulary: int) -> list[Label]:
    chance = np.random.default_rng(count)
    found = []
    for number in range(count):
        rows = number % 4 + 1
        opinion = Opinion(
            chance.integers(0, vocabulary, (rows, 3)).astype(np.int32),
            chance.normal(size=(rows, 3)).astype(np.float16),
            chance.normal(size=(rows, 2)).astype(np.float32),
        )
        found.append(
            Label(
                Sample(WAYS[number % 2], f"第{number}句😀", "" if number == 1 else f"no. {number}"), opinion
            )
        )
    return found


def same(one: Opinion | None, other: Opinion | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("tokens", "logits", "whole")
    )


@pytest.mark.parametrize(("vocabulary", "row"), [(65_536, 3 * 4 + 8), (151_936, 3 * 6 + 8)])
def test_a_part_gives_back_every_sample_in_as_many_bytes_as_its_vocabulary_needs(
    tmp_path: Path, vocabulary: int, row: int
) -> None:
    labels = made(9, vocabulary)
    record = write_part(tmp_path, 0, labels, {"echo": 2}, vocabulary)
    part = Part(on_disk.part_path(tmp_path, 0))
    assert [part.sample(n) for n in range(len(part))] == [one.sample for one in labels]
    assert all(same(part.opinion(n), one.opinion) for n, one in enumerate(labels))
    assert (record.kept, record.dropped) == (9, {"echo": 2})
    assert on_disk.read_record(tmp_path, 0) == record
    rows = sum(len(one.opinion.tokens) for one in labels if one.opinion)
    lengths = sum(len(text.encode()) for one in labels for text in (one.sample.source, one.sample.target))
    data = on_disk.part_path(tmp_path, 0).read_bytes()
    assert len(data) - 8 - int.from_bytes(data[:8], "little") == rows * row + lengths + 9 * (1 + 3 * 8)


@pytest.mark.parametrize("labels", [[], [Label(Sample("zh-en", "好", "good"))]])
def test_a_part_of_words_alone_or_of_nothing_is_a_part(tmp_path: Path, labels: Sequence[Label]) -> None:
    write_part(tmp_path, 3, labels, {}, 500)
    part = Part(on_disk.part_path(tmp_path, 3))
    assert [(part.sample(n), part.opinion(n)) for n in range(len(part))] == [
        (one.sample, None) for one in labels
    ]


def test_the_record_of_a_set_says_which_samples_are_where(tmp_path: Path) -> None:
    on_disk.write_set(tmp_path, SET)
    assert on_disk.read_set(tmp_path) == SET
    assert [list(map(len, SET.parts(shard))) for shard in range(SET.shards)] == [[PART, 2], [PART - 1]]
    numbers = [n for shard in range(SET.shards) for part in SET.parts(shard) for n in part]
    assert numbers == list(range(10, 10 + SET.samples))
    assert on_disk.differences(SET, replace(SET, k=4, teacher="other")) == ("teacher", "k")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": 1}', '{"version": 9}', "\xff"])
def test_what_is_no_record_of_labels_is_said_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.json").write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=r"labels\.json is no record of labels"):
        on_disk.read_set(tmp_path)


def shard_of_two(root: Path) -> LabelSet:
    small = replace(SET, first=0, samples=4, shard_size=2)
    for shard in range(2):
        write_part(on_disk.shard_folder(root, shard), 0, made(2, 500), {}, 500)
    return small


def spoil_byte(folder: Path) -> None:
    path = on_disk.part_path(folder, 0)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


def cut_short(folder: Path) -> None:
    path = on_disk.part_path(folder, 0)
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (spoil_byte, "is not what was written"),
        (cut_short, "is not what was written"),
        (lambda folder: on_disk.part_path(folder, 0).unlink(), "cannot be read"),
        (lambda folder: on_disk.record_path(folder, 0).unlink(), "never finished"),
        (lambda folder: on_disk.record_path(folder, 0).write_text("{}"), "is no record"),
    ],
)
def test_a_damaged_shard_is_recognised_and_named(tmp_path: Path, harm: object, said: str) -> None:
    labels = shard_of_two(tmp_path)
    harm(on_disk.shard_folder(tmp_path, 1))  # type: ignore[operator]
    verify_shard(tmp_path, labels, 0)
    with pytest.raises(ModelError, match=f"shard-00001 is damaged: .*{said}") as caught:
        verify_shard(tmp_path, labels, 1)
    assert "\n" not in caught.value.message


def test_a_file_that_says_more_than_it_holds_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    shard_of_two(tmp_path)
    path = on_disk.part_path(on_disk.shard_folder(tmp_path, 0), 0)
    tensors = load_file(path)
    tensors["rows_ends"] = tensors["rows_ends"] + 7
    save_file(tensors, path)
    with pytest.raises(ModelError, match="does not hold what it says"):
        Part(path)
    path.write_bytes(b"no safetensors")
    with pytest.raises(ModelError, match="is not a part of labels"):
        Part(path)


def test_a_shard_is_removed_records_first_and_twice_is_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = shard_of_two(tmp_path)
    gone: list[str] = []
    unlink = Path.unlink
    monkeypatch.setattr(
        Path, "unlink", lambda path, **other: (gone.append(path.suffix), unlink(path, **other))[1]
    )
    on_disk.remove_shard(tmp_path, 0)
    on_disk.remove_shard(tmp_path, 0)
    assert gone == [".json", ".safetensors"]
    assert on_disk.shards_on_disk(tmp_path) == (1,)
    assert [len(part) for part in parts_of(tmp_path, labels, 1)] == [2]


def test_a_full_disk_leaves_nothing_half_written_and_no_record(tmp_path: Path) -> None:
    labels = made(200, 500)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(StorageError, match="the disk is full"):
            write_part(tmp_path, 0, labels, {}, 500)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
