"""Sound through the ffmpeg program and back: as long, in time, in flat memory, and no process left behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from bili2text.audio.filters import filtered, noise_floor
from bili2text.audio.waveform import BLOCK, SAMPLE_RATE, Block, in_blocks
from bili2text.errors import DependencyError, MediaError, RuntimeFailure

pytestmark = pytest.mark.timeout(120)
CHAINS = [("denoise",), ("loudnorm",), ("denoise", "loudnorm")]


def blocks(samples: np.ndarray) -> Iterator[Block]:
    return in_blocks([samples.astype(np.float32)])


def together(found: Iterator[Block]) -> np.ndarray:
    return np.concatenate([block.samples for block in found])


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


@pytest.mark.parametrize("chain", CHAINS)
def test_filtered_sound_is_exactly_as_long_and_in_time(chain, speech, lag) -> None:
    found = together(filtered(blocks(speech), chain))
    assert len(found) == len(speech)
    for second in (0, 12, 24):
        window = slice(second * SAMPLE_RATE, (second + 5) * SAMPLE_RATE)
        assert abs(lag(found[window], speech[window])) <= 0.03
    assert not children()


@pytest.mark.parametrize("level", [0.003, 0.02, 0.05])
def test_denoise_takes_noise_away_however_loud_and_leaves_the_speech(level: float, speech) -> None:
    clean = np.concatenate([np.zeros(4 * SAMPLE_RATE, np.float32), speech])
    sound = clean + np.random.default_rng(1).normal(0, level, len(clean)).astype(np.float32)
    found = together(filtered(blocks(sound), ("denoise",)))
    pause, late = slice(2 * SAMPLE_RATE, 3 * SAMPLE_RATE), 400  # samples by which afftdn is late
    assert found[pause].std() < sound[pause].std() * 0.6
    error = min(np.square(found[shift:] - clean[: len(clean) - shift]).mean() for shift in (0, late))
    assert error < np.square(sound - clean).mean() * 0.6


def test_the_noise_floor_is_that_of_the_pauses(speech) -> None:
    assert noise_floor([]) == -80
    assert noise_floor([np.zeros(SAMPLE_RATE, np.float32)]) == -80
    noise = np.random.default_rng(1).normal(0, 0.01, len(speech)).astype(np.float32)
    padded = [np.zeros(SAMPLE_RATE, np.float32), speech + noise]
    assert noise_floor(padded) == pytest.approx(-40, abs=2)


def test_loudnorm_makes_a_whisper_loud_and_never_clips(speech) -> None:
    found = together(filtered(blocks(speech / 30), ("loudnorm",)))
    assert found[4 * SAMPLE_RATE :].std() > (speech / 30).std() * 5
    assert np.abs(found).max() <= 1


def test_no_filter_is_no_program(speech) -> None:
    given = list(blocks(speech))
    assert list(filtered(iter(given), ())) == given


@pytest.mark.parametrize("count", [0, 1, 100, BLOCK, BLOCK + 1])
def test_any_length_comes_back_as_it_went(count: int, speech) -> None:
    found = list(filtered(blocks(speech[:count]), ("loudnorm",)))
    assert sum(len(block.samples) for block in found) == count


def test_without_ffmpeg_there_is_a_way_out(speech, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DependencyError, match="--denoise --loudnorm needs the ffmpeg program") as failed:
        next(filtered(blocks(speech), ("denoise", "loudnorm")))
    assert "apt install ffmpeg" in failed.value.hint


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("cat >/dev/null; echo 'No such filter: afftdn' >&2; exit 1", "No such filter"),
        ("exit 3", "no reason"),
    ],
)
def test_an_ffmpeg_that_fails_says_why(tmp_path: Path, script, error, speech, monkeypatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(RuntimeFailure, match=error):
        together(filtered(blocks(np.tile(speech, 4)), ("denoise",)))


def test_an_ffmpeg_that_is_no_program_is_a_missing_dependency(tmp_path: Path, speech, monkeypatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match="cannot be started"):
        next(filtered(blocks(speech), ("denoise",)))


def test_an_error_in_the_sound_comes_through(speech) -> None:
    def failing() -> Iterator[Block]:
        yield from blocks(speech)
        raise MediaError("the disk is gone", hint="get it back")

    with pytest.raises(MediaError, match="the disk is gone"):
        together(filtered(failing(), ("denoise",)))
    assert not children()


def test_who_stops_listening_leaves_nothing_running(speech) -> None:
    def endless() -> Iterator[Block]:
        while True:
            yield from blocks(speech)

    threads = threading.active_count()
    stream = filtered(endless(), ("denoise",))
    for _ in range(3):
        next(stream)
    assert children()
    stream.close()
    assert not children()
    assert threading.active_count() == threads


def test_an_ffmpeg_that_is_killed_is_an_error(speech) -> None:
    def endless() -> Iterator[Block]:
        while True:
            yield from blocks(speech)

    stream = filtered(endless(), ("loudnorm",))
    next(stream)
    for child in children():
        child.kill()
    with pytest.raises(RuntimeFailure, match="ffmpeg failed"):
        together(stream)
