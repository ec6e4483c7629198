"""What is no recording is refused at once, in one line with a way out; nothing else is opened."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from bili2text.audio.container import inspect
from bili2text.audio.decode import Decoder
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import MediaError

pytestmark = pytest.mark.timeout(60)

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)


def refusal(path: Path) -> MediaError:
    """The error about a file, which must come within 2 seconds and be one line with a hint."""
    began = time.monotonic()
    with pytest.raises(MediaError) as failed, Decoder(path) as decoder:
        for _ in decoder.blocks():
            pass
    assert time.monotonic() - began < 2
    error = failed.value
    assert error.exit_code == 3
    assert "\n" not in error.message + error.hint
    assert error.hint
    return error


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"hello, this is not music\n" * 100, "a text, not a media file"),
        ("你好，这不是音乐\n".encode() * 100, "a text, not a media file"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"\n\n<html><head></head></html>", "a web page"),
        (PNG, "a picture"),
        (b"%PDF-1.7\n\0\0", "a PDF"),
        (b"PK\3\4" + bytes(100), "a ZIP archive"),
        (bytes(100_000), "not a media file"),
        (b"RIFF\x24\0\0\0WAVE", "not a media file"),
        (b"\0\0\0\x20ftypM4A \0\0\2\0" + bytes(5000), "not a media file"),
    ],
)
@pytest.mark.parametrize("name", ["talk.mp3", "talk.m4a", "talk"])
def test_a_file_that_is_no_media_is_named_for_what_it_is(tmp_path: Path, content, words, name) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert words in refusal(path).message


@pytest.mark.parametrize("seed", range(8))
def test_random_bytes_are_no_recording(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "noise.mp3"
    path.write_bytes(np.random.default_rng(seed).bytes(200_000))
    try:
        with Decoder(path) as decoder:
            seconds = sum(len(block.samples) for block in decoder.blocks()) / SAMPLE_RATE
            assert seconds < 60
            assert decoder.damage
    except MediaError:
        pass


PLAYLISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile {target}\n",
    "pls": "[playlist]\nNumberOfEntries=1\nFile1={target}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio {port} RTP/AVP 0\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>'
    "<Representation><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["talk.mp3", "talk.m3u8", "talk.ffconcat", "talk.mpd", "talk"])
def test_a_playlist_opens_no_link_and_no_other_file(tmp_path: Path, kind, name, zoo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        # A FIFO for a sibling: whoever opened it would hang, and whoever opened the real sound would succeed.
        os.mkfifo(tmp_path / "sibling.wav")
        for target in (
            f"http://127.0.0.1:{port}/a.ts",
            "sibling.wav",
            str(zoo("s16.wav")),
            str(zoo("aac.ts")),
        ):
            path = tmp_path / name
            path.write_text(PLAYLISTS[kind].format(target=target, port=port))
            assert "not a media file" in refusal(path).message
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1:1/a.mp3", "pipe:0", "concat:a|b", "-i", "%d.mp3", "a:b.mp3", "#x?y=1"]
)
def test_a_name_is_only_a_name(tmp_path: Path, name, zoo, decode, monkeypatch) -> None:
    path = tmp_path / name.replace("/", "\u2215")
    path.write_bytes(zoo("cbr.mp3").read_bytes())
    assert inspect(path).codec
    monkeypatch.chdir(tmp_path)
    assert inspect(Path(path.name)).duration


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8 are a Linux matter")
def test_a_name_that_is_no_text_is_only_a_name(tmp_path: Path, zoo) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xfe talk\x1b[31m.mp3")
    path.write_bytes(zoo("cbr.mp3").read_bytes())
    assert inspect(path).duration
    path.write_bytes(b"nothing")
    error = refusal(path)
    assert error.message.isprintable()
    error.message.encode()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_device_socket_or_folder_is_refused_without_waiting(tmp_path: Path) -> None:
    fifo, folder, link, bound = (tmp_path / name for name in ("fifo.mp3", "folder.mp3", "link.mp3", "socket"))
    os.mkfifo(fifo)
    folder.mkdir()
    link.symlink_to(fifo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(bound))
        for path in (fifo, link, Path("/dev/zero"), Path("/dev/stdin"), bound):
            if path.exists() and not path.is_file():
                assert "a pipe, device or socket" in refusal(path).message
    assert "a folder" in refusal(folder).message


def test_a_link_to_a_recording_is_followed_and_a_loop_is_not(tmp_path: Path, zoo) -> None:
    good, loop, dangling = (tmp_path / name for name in ("good.mp3", "loop.mp3", "dangling.mp3"))
    good.symlink_to(zoo("cbr.mp3"))
    loop.symlink_to(loop)
    dangling.symlink_to(tmp_path / "nowhere")
    assert inspect(good).duration
    assert "leads nowhere" in refusal(loop).message
    assert "no such file" in refusal(dangling).message


@pytest.mark.parametrize("name", ["missing.mp3", "x" * 300, "a\0b.mp3", "missing/talk.mp3"])
def test_what_is_not_there_is_said_to_be_not_there(tmp_path: Path, name: str) -> None:
    assert "no such file" in refusal(tmp_path / name).message


def test_a_file_within_a_file_is_not_there(tmp_path: Path, zoo) -> None:
    assert "no such file" in refusal(zoo("cbr.mp3") / "talk.mp3").message


@pytest.mark.skipif(not hasattr(os, "fork"), reason="permissions are tested by giving up root in a child")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_file_we_may_not_read_is_said_to_be_so(tmp_path: Path, zoo) -> None:
    path = tmp_path / "secret.mp3"
    path.write_bytes(zoo("cbr.mp3").read_bytes())
    path.chmod(0)
    child = os.fork()
    if not child:  # root may read everything, so it must stop being root
        status = 1
        try:
            if not os.getuid():
                os.setuid(65_534)
            inspect(path)
        except MediaError as error:
            status = 0 if "no permission to read" in error.message else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_pictures_without_sound_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10, width=32, height=32)
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), format="yuv420p")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    error = refusal(path)
    assert "no sound in it" in error.message


def header(rate: int, channels: int, *, bits: int = 16, data: int = 95_000) -> bytes:
    """A WAV with that much silence."""
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, rate, min(rate * width, 2**32 - 1), width % 65536, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", data) + bytes(data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (header(1, 1), "samples a second"),  # 95 kB that claim 13 hours: decoding it took 1.5 GB elsewhere
        (header(0, 1), ""),
        (header(16_000, 0), ""),
        (header(16_000, 2000), ""),
        (header(4_000_000, 1), "samples a second"),
        (header(16_000, 1, bits=0), ""),
    ],
)
def test_a_header_that_no_honest_file_has_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bomb.wav"
    path.write_bytes(content)
    assert words in refusal(path).message


def test_a_wav_that_claims_gigabytes_is_read_as_far_as_it_goes(tmp_path: Path, decode) -> None:
    content = bytearray(header(16_000, 1))
    struct.pack_into("<I", content, 40, 0x7000_0000)
    path = tmp_path / "huge.wav"
    path.write_bytes(content)
    samples, damage = decode(path)
    assert len(samples) == 95_000 // 2
    # A file of 95 kB cannot be of 16 hours: the claim is not believed, and nothing is called missing.
    assert not damage.truncated_seconds


def test_gigabytes_of_nothing_are_given_up(tmp_path: Path, zoo) -> None:
    path = tmp_path / "sparse.mp3"
    path.write_bytes(zoo("headless.mp3").read_bytes())
    with path.open("rb+") as file:
        file.truncate(3 << 30)
    with Decoder(path) as decoder, pytest.raises(MediaError, match="nothing but noise"):
        for _ in decoder.blocks():
            pass


def test_files_opened_at_the_same_time_do_not_disturb_each_other(zoo, decode) -> None:
    expected = len(decode(zoo("aac.m4a"))[0])
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(decode(zoo("aac.m4a"))[0]))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_a_closed_decoder_leaves_no_file_open(zoo) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("open files cannot be counted here")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with Decoder(zoo("aac.m4a")) as decoder:
            next(decoder.blocks())
        with pytest.raises(MediaError):
            inspect(zoo("aac.m4a"), track=9)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
