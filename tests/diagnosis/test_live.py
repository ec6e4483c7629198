"""Watching a card: lines, a log, a picture; ended by time, by Ctrl-C, or by the card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bili2text.diagnosis.live import Wanted, draw, follow, line, summed
from bili2text.errors import StorageError, UsageError
from bili2text.gpu.device import Device, Holder
from bili2text.gpu.known import simulated
from bili2text.gpu.memory_log import read_log
from bili2text.gpu.monitor import Sample, Summary

CARD = simulated("RTX 4060")
SAMPLES = [
    Sample(float(at), used, 8192 - used, (Holder(7, "python", used - 100), Holder(8, "Xorg", None)))
    for at, used in enumerate((1000, 7000, 6900, 3000))
]
Look = Callable[[], "Device | None"]


def scripted(look: Look) -> Iterator[Sample]:
    yield from SAMPLES


def interrupted(look: Look) -> Iterator[Sample]:
    yield from SAMPLES[:2]
    raise KeyboardInterrupt


def followed(
    wanted: Wanted, samples: Callable[[Look], Iterator[Sample]]
) -> tuple[Summary, list[str], list[str]]:
    said: list[str] = []
    warned: list[str] = []
    return follow(CARD, wanted, said.append, warned.append, samples), said, warned


def test_ctrl_c_ends_a_watch_with_its_summary_log_and_picture(tmp_path: Path) -> None:
    wanted = Wanted(log=tmp_path / "vram.csv", png=tmp_path / "vram.png", min_free_mib=2048)
    summary, said, warned = followed(wanted, interrupted)
    assert (summary.peak_mib, summary.samples, summary.lowest_free_mib) == (7000, 2, 1192)
    assert summed(summary) == "1 s, 2 samples: peak 7000 MiB, mean 4000 MiB, least free 1192 MiB"
    assert said[1].split() == "1.0 s used 7000 free 1192 peak 7000 MiB python (7) 6900, Xorg (8) ?".split()
    assert [text[:33] for text in warned] == ["free GPU memory fell to 1192 MiB,"]
    assert list(read_log(tmp_path / "vram.csv")) == SAMPLES[:2]
    assert (tmp_path / "vram.png").read_bytes().startswith(b"\x89PNG")


def test_a_watch_ends_when_its_time_is_over_or_the_card_is_gone() -> None:
    summary, said, warned = followed(Wanted(seconds=2.0), scripted)
    assert (summary.samples, len(said), warned) == (3, 3, [])
    summary, _, warned = followed(Wanted(), scripted)
    assert (summary.samples, warned) == (4, ["the card does not answer any more"])


def test_the_driver_itself_is_asked_where_nothing_stands_in() -> None:
    warned: list[str] = []
    summary = follow(CARD, Wanted(every=0.05), lambda _: None, warned.append)
    assert (summary.samples, warned) == (0, ["the card does not answer any more"])


def test_the_log_of_a_finished_run_can_be_drawn(tmp_path: Path) -> None:
    log, png = tmp_path / "vram.csv", tmp_path / "vram.png"
    followed(Wanted(log=log), interrupted)
    assert draw(log, png, Wanted()) == 2
    assert png.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(StorageError):
        draw(log, png, Wanted())
    assert draw(log, png, Wanted(overwrite=True)) == 2
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError):
        draw(tmp_path / "other.csv", tmp_path / "new.png", Wanted())


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    log = tmp_path / "vram.csv"
    log.write_text("mine")
    with pytest.raises(StorageError) as refused:
        followed(Wanted(log=log), scripted)
    assert refused.value.hint == "pass --overwrite to replace it, or name another file"
    assert log.read_text() == "mine"
    followed(Wanted(log=log, overwrite=True), scripted)
    assert len(read_log(log)) == 4


def test_log_and_picture_cannot_be_one_file(tmp_path: Path) -> None:
    same = Wanted(log=tmp_path / "x", png=tmp_path / "here" / ".." / "x", overwrite=True)
    with pytest.raises(UsageError, match="the same file"):
        followed(same, scripted)
    assert not (tmp_path / "x").exists()
    log = tmp_path / "vram.csv"
    followed(Wanted(log=log), interrupted)
    with pytest.raises(UsageError, match="the same file"):
        draw(log, log, same)
    assert len(read_log(log)) == 2


def test_a_name_from_outside_cannot_break_a_line() -> None:
    assert "\x1b" not in line(Sample(0.0, 1, 2, (Holder(1, "a\x1b[2Jb\n", 3),)), 1)
