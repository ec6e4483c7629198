"""A disk that refuses: an error of one line, nothing half-written, and the journal goes on when there is room."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import HEADER, begin, ended, needs_fork, written

from bili2text.errors import StorageError
from bili2text.jobs import journal as module
from bili2text.jobs.journal import NAME, Journal

BIG = {"text": "x" * 50_000}


@needs_fork
@pytest.mark.parametrize("room", [0, 1, 100, 49_999])
def test_a_file_that_may_not_grow_keeps_its_good_records_and_nothing_else(tmp_path: Path, room: int) -> None:
    def fill() -> None:
        import resource

        folder = tmp_path / "a"
        with Journal.open(folder, HEADER) as journal:
            journal.append({"group": 0})
            before = written(folder)
            unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, unlimited[1]))
            for _ in range(2):
                with pytest.raises(StorageError, match="the disk is full"):
                    journal.append(BIG)
                assert written(folder) == before
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
            journal.append(BIG)
        with Journal.open(folder, HEADER) as journal:
            assert journal.records == ({"group": 0}, BIG)
            assert journal.discarded == ""

    assert ended(begin(fill)) == 0


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_costs_the_record_it_had_no_room_for(tiny_disk: Path) -> None:
    folder = tiny_disk / "a"
    with Journal.open(folder, HEADER) as journal:
        journal.append(BIG)
        journal.append(BIG)
        before = written(folder)
        with pytest.raises(StorageError, match="the disk is full"):
            journal.append(BIG)
        assert written(folder) == before
        journal.append({"small": 1})
    with Journal.open(folder, HEADER) as journal:
        assert journal.records == (BIG, BIG, {"small": 1})


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_an_error_of_the_disk_leaves_no_record_that_was_not_called_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    with Journal.open(tmp_path / "a", HEADER) as journal:
        journal.append({"group": 0})
        before = written(tmp_path / "a")
        real = getattr(os, failing)

        def fail(handle: int, *data: memoryview) -> int:
            for part in data:
                real(handle, part[:7])
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        with monkeypatch.context() as broken:
            broken.setattr(module.os, failing, fail)
            with pytest.raises(StorageError, match=r"Input/output|I/O"):
                journal.append({"group": 1})
        assert written(tmp_path / "a") == before
        journal.append({"group": 2})
    with Journal.open(tmp_path / "a", HEADER) as journal:
        assert journal.records == ({"group": 0}, {"group": 2})


def test_a_torn_record_that_could_not_be_removed_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.open(tmp_path / "a", HEADER) as journal:

        def fail(*_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        with monkeypatch.context() as broken:
            broken.setattr(module.os, "fsync", fail)
            broken.setattr(module.os, "ftruncate", fail)
            with pytest.raises(StorageError):
                journal.append({"group": 1})
        journal.append({"group": 2})
    with Journal.open(tmp_path / "a", HEADER) as journal:
        assert journal.records == ({"group": 2},)


@needs_fork
def test_a_folder_that_refuses_us_is_told_in_one_line(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)

    def try_it() -> None:
        if os.geteuid() == 0:
            os.setuid(65534)  # the rules do not hold for root
        with pytest.raises(StorageError, match="no permission to write"):
            Journal.open(closed / "jobs" / "a", HEADER)

    assert ended(begin(try_it)) == 0
    assert list(closed.iterdir()) == []


def test_a_file_in_the_folders_place_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(StorageError):
        Journal.open(tmp_path / "a", HEADER)
    with pytest.raises(StorageError):
        Journal.open(tmp_path / "a" / "b", HEADER)
    assert not (tmp_path / NAME).exists()
