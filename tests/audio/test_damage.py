"""What is damaged costs itself and no more; what follows stays in time; what is missing is counted."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bili2text.audio.decode import Decoder
from bili2text.audio.waveform import SAMPLE_RATE


@pytest.mark.parametrize(
    ("name", "most"),
    [("aac.m4a", 1.2), ("faststart.m4a", 1.2), ("alac.m4a", 1.2), ("video.mp4", 1.2), ("dash.mp4", 2.0)],
)
def test_a_damaged_m4a_loses_what_is_damaged_and_stays_in_time(
    tmp_path, name, most, zoo, hurt, decode, lag, speech
) -> None:
    samples, damage = decode(hurt(zoo(name), tmp_path / name, 0.50, 0.53))
    assert len(samples) / SAMPLE_RATE == pytest.approx(29, abs=0.1)
    assert damage.seconds <= most  # 3 % of 29 s, and the rest of a fragment
    assert damage.bad_packets > 0
    assert damage.gaps == 1
    assert "missing in 1 place" in damage.describe()
    tail = slice(18 * SAMPLE_RATE, 28 * SAMPLE_RATE)
    assert abs(lag(samples[tail], speech[tail])) < 0.1


def test_one_bad_packet_costs_only_that_packet(tmp_path: Path, zoo, decode) -> None:
    path = zoo("aac.m4a")
    with av.open(str(path)) as file:
        packets = [(packet.pos, packet.size) for packet in file.demux(audio=0) if packet.size]
    data = bytearray(path.read_bytes())
    at, size = packets[600]
    data[at : at + size] = bytes(size)
    broken = tmp_path / "one.m4a"
    broken.write_bytes(data)
    samples, damage = decode(broken)
    whole, _ = decode(path)
    assert damage.bad_packets == 1
    assert damage.seconds == pytest.approx(1024 / 44_100, abs=0.001)
    assert len(samples) == len(whole)
    # AAC frames overlap: one bad packet is heard in its own and the next 1024 samples.
    different = np.flatnonzero(np.abs(samples - whole) > 1e-3)
    assert (different.max() - different.min()) / SAMPLE_RATE < 0.1


HOLES = [0.2, 1.0, 4.0, 10.0]  # seconds


@pytest.mark.parametrize(
    "name", ["aac.ts", "mp3.ts", "opus.webm", "opus.ogg", "vorbis.ogg", "flac.flac", "flac.ogg"]
)
@pytest.mark.parametrize("seconds", HOLES)
def test_behind_a_hole_everything_is_in_time(tmp_path, name, seconds, zoo, hurt, decode, lag, speech) -> None:
    begin = 0.3
    samples, damage = decode(hurt(zoo(name), tmp_path / name, begin, begin + seconds / 29))
    assert damage.gaps >= 1
    # A container loses whole pages or clusters: WebM up to 5 s at either end.
    assert seconds - 0.35 <= damage.seconds <= seconds + (10.5 if name == "opus.webm" else 4)
    tail = slice(24 * SAMPLE_RATE, 28 * SAMPLE_RATE)
    assert abs(lag(samples[tail], speech[tail])) < 0.1
    assert len(samples) / SAMPLE_RATE == pytest.approx(29, abs=0.1)


@pytest.mark.parametrize(("name", "error"), [("cbr.mp3", 0.1), ("headless.mp3", 0.1), ("vbr.mp3", 0.5)])
@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_an_mp3_has_no_clock_so_its_bytes_tell_the_time(
    tmp_path, name, error, seconds, zoo, hurt, decode, lag, speech
) -> None:
    samples, damage = decode(hurt(zoo(name), tmp_path / name, 0.4, 0.4 + seconds / 29))
    assert damage.seconds == pytest.approx(seconds, abs=0.1 + error)
    tail = slice(20 * SAMPLE_RATE, 28 * SAMPLE_RATE)
    assert abs(lag(samples[tail], speech[tail])) < error


@pytest.mark.parametrize("name", ["opus.ogg", "vorbis.ogg", "opus.webm", "aac.ts", "flac.flac"])
def test_bytes_that_are_gone_leave_a_hole_too(tmp_path: Path, name, zoo, decode, lag, speech) -> None:
    data = zoo(name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: len(data) // 3] + data[len(data) // 3 + len(data) // 20 :])
    samples, damage = decode(path)
    assert 1 <= damage.seconds < 7
    tail = slice(20 * SAMPLE_RATE, 28 * SAMPLE_RATE)
    assert abs(lag(samples[tail], speech[tail])) < 0.1


@pytest.mark.parametrize(
    "name",
    [
        "faststart.m4a",
        "cbr.mp3",
        "vbr.mp3",
        "flac.flac",
        "opus.webm",
        "aac.mkv",
        "s16.wav",
        "wv.wv",
        "video.mkv",
    ],
)
def test_an_end_that_is_cut_off_is_counted(tmp_path: Path, name, zoo, decode, speech, lag) -> None:
    data = zoo(name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: int(len(data) * 0.6)])
    samples, damage = decode(path)
    assert damage.truncated_seconds == pytest.approx(29 - len(samples) / SAMPLE_RATE, abs=0.5)
    assert damage.truncated_seconds > 7
    assert "missing at the end" in damage.describe()
    head = slice(0, 10 * SAMPLE_RATE)
    assert abs(lag(samples[head], speech[head])) < 0.1


def test_what_a_broken_fragment_hides_is_counted(tmp_path: Path, zoo, hurt, decode) -> None:
    samples, damage = decode(hurt(zoo("fragmented.mp4"), tmp_path / "f.mp4", 0.5, 0.55))
    assert damage.truncated_seconds == pytest.approx(29 - len(samples) / SAMPLE_RATE, abs=2)


def test_passed_over_garbage_in_an_adts_stream_is_counted(tmp_path: Path, zoo, hurt, decode) -> None:
    samples, damage = decode(hurt(zoo("adts.aac"), tmp_path / "a.aac", 0.5, 0.6))
    assert damage.seconds == pytest.approx(29 - len(samples) / SAMPLE_RATE, abs=0.5)


def leap(path: Path, speech: np.ndarray, leaps: dict[int, float]) -> Path:
    """A Matroska file of 10 s of PCM in packets of 0.1 s, which at packet N leap by that many seconds."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        shift, step = 0, SAMPLE_RATE // 10
        for index in range(100):
            shift += round(leaps.get(index, 0) * SAMPLE_RATE)
            piece = (speech[None, index * step : (index + 1) * step] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
            frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
            frame.pts = index * step + shift
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_one_wrong_time_stamp_is_not_believed(tmp_path: Path, speech, decode) -> None:
    path = leap(tmp_path / "stray.mkv", speech, {})
    with av.open(str(path)) as file:
        packet = next(packet for index, packet in enumerate(file.demux(audio=0)) if index == 30)
        place = packet.pos
    data = bytearray(path.read_bytes())
    track = data.index(0x81, place)  # the block's header: track 1, 16 bits of milliseconds, flags
    (stamp,) = struct.unpack_from(">h", data, track + 1)
    assert stamp == 3000
    struct.pack_into(">h", data, track + 1, stamp + 1500)
    path.write_bytes(data)
    samples, damage = decode(path)
    assert np.abs(samples - speech[: len(samples)]).max() < 1e-3
    assert len(samples) == 10 * SAMPLE_RATE
    assert not damage.gaps


def test_a_clock_that_leaps_is_followed(tmp_path: Path, speech, decode) -> None:
    samples, damage = decode(leap(tmp_path / "leap.mkv", speech, {50: 3.0}))
    assert len(samples) == pytest.approx(13 * SAMPLE_RATE, abs=20)
    assert damage.lost_seconds == pytest.approx(3, abs=0.01)
    assert np.abs(samples[-4 * SAMPLE_RATE :] - speech[6 * SAMPLE_RATE : 10 * SAMPLE_RATE]).max() < 0.3


def test_a_time_bomb_costs_no_memory(tmp_path: Path, speech, peak) -> None:
    path = leap(tmp_path / "bomb.mkv", speech, {50: 9 * 3600.0})
    script = (
        "import sys; from pathlib import Path; from bili2text.audio.decode import Decoder\n"
        "with Decoder(Path(sys.argv[1])) as d: n = sum(len(b.samples) for b in d.blocks())\n"
        "print(n / 16000, d.damage.lost_seconds)"
    )
    (seconds, lost), megabytes = peak(script, path)
    assert seconds <= 9 * 3600 + 60
    assert lost <= 9 * 3600
    assert megabytes < 300


def test_damage_is_known_as_far_as_the_blocks_are_read(tmp_path: Path, zoo, hurt) -> None:
    with Decoder(hurt(zoo("aac.ts"), tmp_path / "a.ts", 0.3, 0.4)) as decoder:
        blocks = decoder.blocks()
        next(blocks)
        assert not decoder.damage
        for _ in blocks:
            pass
        assert decoder.damage.gaps == 1
