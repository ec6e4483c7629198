"""Healthy recordings come out whole, in time, at the right rate, and without a word of damage."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bili2text.audio.container import inspect
from bili2text.audio.decode import Decoder
from bili2text.audio.media import Limits
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import MediaError

LATE = {"late.m4a", "late.mkv", "late.mp4", "late.ts"}


def test_a_healthy_file_is_whole_in_time_and_undamaged(healthy, zoo, decode, lag, speech) -> None:
    samples, damage = decode(zoo(healthy))
    offset = 2.5 if healthy in LATE else 0.0
    # WMA pads its last block, and AAC, MP3 and AMR without gapless data pad at both ends.
    assert len(samples) / SAMPLE_RATE == pytest.approx(offset + 29, abs=0.1)
    assert not damage, damage.describe()
    assert damage.describe() == ""
    first = round(offset * SAMPLE_RATE)
    for second in (1, 24):
        begin = second * SAMPLE_RATE
        window = slice(begin, begin + 4 * SAMPLE_RATE)
        assert abs(lag(samples[first:][window], speech[window])) < 0.1


def test_what_a_healthy_file_says_of_itself_is_right(healthy, zoo) -> None:
    info = inspect(zoo(healthy))
    assert 7_999 < info.sample_rate < 48_001
    assert (info.track, info.tracks) == (1, 1)
    assert info.size == zoo(healthy).stat().st_size
    assert info.start == pytest.approx(2.5 if healthy in LATE else 0, abs=0.03)
    if info.exact:
        assert info.duration == pytest.approx(29 + info.start, abs=0.3)
    else:
        assert healthy in {"live.webm", "headless.mp3", "adts.aac", "amr.amr", "ac3.ac3"}


def test_all_channels_are_heard(tmp_path: Path, decode) -> None:
    tone = np.sin(np.arange(SAMPLE_RATE) * 0.1).astype(np.float32) / 2
    for speaker in range(8):
        sound = np.zeros((8, SAMPLE_RATE), np.float32)
        sound[speaker] = tone
        path = tmp_path / f"{speaker}.wav"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="7.1")
            packed = (sound.T.reshape(1, -1) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), format="s16", layout="7.1")
            frame.sample_rate, frame.pts = SAMPLE_RATE, 0
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        samples, damage = decode(path)
        assert len(samples) == SAMPLE_RATE
        assert not damage
        heard = np.abs(samples).max()
        assert heard == 0 if speaker == 3 else heard > 0.04  # 3 is the effects channel: thunder, no words


def test_a_stereo_mix_is_the_mean_and_cannot_clip(tmp_path: Path, wav, decode) -> None:
    left = np.full(SAMPLE_RATE, 0.9, np.float32)
    samples, _ = decode(wav(tmp_path / "two.wav", np.stack([left, left / 2]), SAMPLE_RATE))
    assert samples[1000:-1000] == pytest.approx(0.675, abs=1e-4)


def test_sixteen_kilohertz_comes_through_bit_for_bit(tmp_path: Path, wav, decode, speech) -> None:
    samples, _ = decode(wav(tmp_path / "same.wav", speech[None, :], SAMPLE_RATE))
    assert np.array_equal(samples, speech)


def test_what_is_no_number_becomes_silence_and_is_counted(tmp_path: Path, wav, decode, speech) -> None:
    sound = speech[: 2 * SAMPLE_RATE].copy()
    sound[100:200], sound[300:350], sound[400] = np.nan, np.inf, -np.inf
    sound[500], sound[501] = 1e30, -7
    samples, damage = decode(wav(tmp_path / "nan.wav", sound[None, :], SAMPLE_RATE))
    assert damage.non_finite_samples == 151
    assert "151 samples" in damage.describe()
    assert not samples[100:200].any()
    assert (samples[500], samples[501]) == (1, -1)
    assert len(samples) == len(sound)


@pytest.mark.parametrize("count", [1, 2, 100])
def test_a_handful_of_samples_is_sound(tmp_path: Path, wav, decode, count: int) -> None:
    for rate in (SAMPLE_RATE, 44_100):
        path = wav(tmp_path / f"{rate}.wav", np.full((1, count), 0.5, np.float32), rate)
        samples, damage = decode(path)
        assert len(samples) == round(count * SAMPLE_RATE / rate)
        assert not damage


def test_no_samples_are_no_sound_and_no_error(tmp_path: Path, wav, decode) -> None:
    samples, damage = decode(wav(tmp_path / "none.wav", np.zeros((1, 0), np.float32), SAMPLE_RATE))
    assert not len(samples)
    assert not damage


@pytest.mark.parametrize(
    "names",
    [
        ("cbr.mp3", "low.mp3"),
        ("cbr.mp3", "stereo.mp3"),
        ("opus.ogg", "opus.ogg"),
        ("vorbis.ogg", "vorbis.ogg"),
        ("aac.ts", "aac.ts"),
        ("adts.aac", "adts.aac"),
        ("opus.webm", "opus.webm"),
    ],
)
def test_joined_files_are_heard_to_the_end_whatever_changes_between(
    tmp_path, names, zoo, decode, lag, speech
) -> None:
    joined = tmp_path / f"joined{Path(names[0]).suffix}"
    joined.write_bytes(b"".join(zoo(name).read_bytes() for name in names))
    samples, damage = decode(joined)
    assert len(samples) / SAMPLE_RATE == pytest.approx(58, abs=0.2)
    assert not damage, damage.describe()
    tail = samples[-5 * SAMPLE_RATE :]
    assert abs(lag(tail, speech[-5 * SAMPLE_RATE :])) < 0.1


def test_segments_of_a_stream_joined_into_one_file_are_no_damage(tmp_path, write, decode, zoo) -> None:
    recipe = zoo_recipe(start=29.0)
    second = write(tmp_path / "second.ts", recipe)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(zoo("aac.ts").read_bytes() + second.read_bytes())
    samples, damage = decode(joined)
    assert len(samples) / SAMPLE_RATE == pytest.approx(58, abs=0.1)
    assert not damage, damage.describe()


def zoo_recipe(**changes):
    from conftest import Recipe

    return Recipe("aac", **changes)
