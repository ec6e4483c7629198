"""Splits on disk: what was written is read again, from anywhere, in any process."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from hsk import pairs

from bili2text.errors import SourceError, StorageError
from bili2text.seq2seq.values import Pair
from bili2text.workshop.data.corpus import Split, open_split, write_split

MANY = pairs() * 5  # more than one batch of the file


def test_pairs_come_back_in_order_from_any_place(tmp_path: Path) -> None:
    count, digest = write_split(tmp_path / "a.arrow", iter(MANY))
    split = Split(tmp_path / "a.arrow")
    assert count == len(split) == len(MANY)
    assert list(split) == MANY
    for place in (0, 8191, 8192, 16384, len(MANY) - 1, -1):
        assert split[place] == MANY[place]
    assert split[8190:8195] == MANY[8190:8195]
    assert split[::-5000] == MANY[::-5000]
    for place in (len(MANY), -len(MANY) - 1):
        with pytest.raises(IndexError):
            split[place]
    assert pickle.loads(pickle.dumps(split))[7] == MANY[7]
    assert write_split(tmp_path / "b.arrow", MANY) == (count, digest)
    assert write_split(tmp_path / "c.arrow", MANY[::-1])[1] != digest


def test_an_empty_split_is_one(tmp_path: Path) -> None:
    write_split(tmp_path / "a.arrow", [])
    assert list(Split(tmp_path / "a.arrow")) == []


def test_a_folder_without_data_json_and_a_damaged_file_are_one_line(tmp_path: Path) -> None:
    write_split(tmp_path / "train.arrow", MANY)
    with pytest.raises(SourceError, match="no prepared pairs"):
        open_split(tmp_path, "train")
    (tmp_path / "data.json").write_text("{}", encoding="utf-8")
    assert len(open_split(tmp_path, "train")) == len(MANY)
    whole = (tmp_path / "train.arrow").read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"\x00" * 100):
        (tmp_path / "train.arrow").write_bytes(damaged)
        with pytest.raises(SourceError, match="cannot read"):
            open_split(tmp_path, "train")
    with pytest.raises(SourceError, match="cannot read"):
        open_split(tmp_path, "test")


def test_a_disk_that_is_full_meanwhile_leaves_what_was_there(tmp_path: Path) -> None:
    write_split(tmp_path / "a.arrow", MANY[:10])

    def full() -> Iterator[Pair]:
        yield from MANY[:9000]
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match="disk is full"):
        write_split(tmp_path / "a.arrow", full())
    assert list(Split(tmp_path / "a.arrow")) == MANY[:10]
    assert [path.name for path in tmp_path.iterdir()] == ["a.arrow"]
