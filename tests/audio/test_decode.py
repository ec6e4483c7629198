"""Healthy recordings come out whole, in time, at the right rate, and without a word of damage."""

from __future__ import annotations

import shutil
import struct
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


def test_a_title_in_an_old_encoding_is_no_obstacle(tmp_path: Path, wav, speech, decode) -> None:
    path = wav(tmp_path / "gbk.wav", speech[None, :SAMPLE_RATE], SAMPLE_RATE)
    title = "你好世界".encode("gbk")
    tag = b"INFOINAM" + struct.pack("<I", len(title)) + title
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", len(tag)) + tag)
    samples, damage = decode(path)
    assert len(samples) == SAMPLE_RATE
    assert not damage


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


def test_segments_of_a_stream_joined_into_one_file_are_no_damage(
    tmp_path, write, recipe, decode, zoo
) -> None:
    second = write(tmp_path / "second.ts", recipe("aac", start=29.0))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(zoo("aac.ts").read_bytes() + second.read_bytes())
    samples, damage = decode(joined)
    assert len(samples) / SAMPLE_RATE == pytest.approx(58, abs=0.1)
    assert not damage, damage.describe()


def test_a_pause_that_an_mp4_writes_down_is_silence_and_no_damage(tmp_path: Path, decode, speech) -> None:
    path = tmp_path / "sparse.m4a"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for at in range(0, 10 * SAMPLE_RATE - 1023, 1024):
            frame = av.AudioFrame.from_ndarray(
                speech[None, at : at + 1024].copy(), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
            frame.pts = at if at < 5 * SAMPLE_RATE else at + 4 * SAMPLE_RATE
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    samples, damage = decode(path)
    assert len(samples) / SAMPLE_RATE == pytest.approx(14, abs=0.1)
    assert np.abs(samples[int(5.2 * SAMPLE_RATE) : int(8.8 * SAMPLE_RATE)]).max() < 1e-3
    assert not damage, damage.describe()


def test_tags_before_and_behind_an_mp3_are_not_sound(tmp_path: Path, zoo, decode) -> None:
    item = struct.pack("<II", 70_000, 0) + b"Cover\0" + bytes(range(250)) * 280
    ends = [struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(item) + 32, 1, flag << 29) for flag in (5, 4)]
    ape, id3v1 = ends[0] + item + ends[1], b"TAG" + b"title".ljust(125, b"\0")
    size = 300_000
    id3v2 = b"ID3\3\0\0" + bytes([0, size >> 14 & 127, size >> 7 & 127, size & 127]) + bytes(size)
    for name in ("cbr.mp3", "headless.mp3"):
        for before, behind in ((b"", id3v1), (b"", ape), (b"", ape + id3v1), (id3v2, b""), (id3v2, id3v1)):
            path = tmp_path / "tagged.mp3"
            path.write_bytes(before + zoo(name).read_bytes() + behind)
            samples, damage = decode(path)
            assert len(samples) / SAMPLE_RATE == pytest.approx(29, abs=0.1)
            assert not damage, damage.describe()


@pytest.mark.parametrize("name", ["s16.wav", "aac.ts", "flac.flac", "opus.webm", "fragmented.mp4", "cbr.mp3"])
def test_a_file_written_into_a_pipe_is_whole_without_its_length(tmp_path: Path, name, zoo, decode) -> None:
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("the ffmpeg program is not installed")
    kind = {"ts": "mpegts", "fragmented.mp4": "mp4"}.get(
        name, {"ts": "mpegts"}.get(name[-2:], name.split(".")[1])
    )
    options = ["-movflags", "empty_moov+frag_keyframe"] if kind == "mp4" else []
    done = subprocess.run(
        [ffmpeg, "-v", "error", "-i", zoo(name), "-c", "copy", *options, "-f", kind, "-"],
        capture_output=True,
        check=True,
    )
    path = tmp_path / "piped"
    path.write_bytes(done.stdout)
    samples, damage = decode(path)
    assert len(samples) / SAMPLE_RATE == pytest.approx(29, abs=0.15)
    assert not damage, damage.describe()


def two_tracks(path: Path, speech: np.ndarray, default: int | None) -> Path:
    """A Matroska file with speech in its first track and its half as loud copy, reversed, in the second."""
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("flac", rate=SAMPLE_RATE, layout="mono") for _ in range(2)]
        for index, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition.default.value if index == default else 0
        for stream, sound in zip(streams, (speech, speech[::-1]), strict=True):
            frame = av.AudioFrame.from_ndarray(
                (sound[None, : 4 * SAMPLE_RATE] * 32767).astype(np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
            convert = av.AudioResampler("s16", "mono", SAMPLE_RATE, frame_size=4096)
            for piece in (*convert.resample(frame), *convert.resample(None)):
                out.mux(stream.encode(piece))
        for stream in streams:
            out.mux(stream.encode(None))
    return path


def test_the_default_track_is_heard_unless_another_is_asked_for(tmp_path: Path, speech, decode) -> None:
    tracks = speech[: 4 * SAMPLE_RATE], speech[::-1][: 4 * SAMPLE_RATE]
    path = two_tracks(tmp_path / "two.mkv", speech, default=1)
    for track, expected in ((None, 1), (1, 0), (2, 1)):
        samples, _ = decode(path, track)
        assert np.abs(samples - tracks[expected]).max() < 1e-3
    assert inspect(path).tracks == 2
    assert inspect(path).track == 2
    for track in (0, 3, -1):
        with pytest.raises(MediaError, match="2 audio track") as failed:
            inspect(path, track)
        assert "--audio-track" in failed.value.hint


def test_more_sound_than_allowed_is_an_error_even_when_the_header_is_silent(zoo) -> None:
    limits = Limits(max_seconds=10)
    with pytest.raises(MediaError, match="claims to last"):
        inspect(zoo("aac.m4a"), limits=limits)
    with Decoder(zoo("live.webm"), limits=limits) as decoder, pytest.raises(MediaError, match="more than"):
        for _ in decoder.blocks():
            pass


def test_an_hour_needs_less_than_300_megabytes(tmp_path: Path, zoo, peak) -> None:
    hour = tmp_path / "hour.ts"
    with hour.open("wb") as file:  # joined segments: 124 times 29 s
        for _ in range(124):
            file.write(zoo("aac.ts").read_bytes())
    script = (
        "import sys; from pathlib import Path; from bili2text.audio.decode import Decoder\n"
        "with Decoder(Path(sys.argv[1])) as d: n = sum(len(b.samples) for b in d.blocks())\n"
        "print(n / 16000)"
    )
    (seconds,), megabytes = peak(script, hour)
    assert seconds == pytest.approx(124 * 29, abs=8)
    assert megabytes < 300
