"""Every way a server fails, against a real one: the class of error, one line each, and nothing kept."""

import json
import socket
import time

import pytest

from bili2text.errors import DownloadError


def refusal(fetch, url, entered, staged, **changes):
    """Return the error of `url`, after checking what holds for all of them."""
    begin = time.monotonic()
    with pytest.raises(DownloadError) as caught:
        fetch(url, **changes)
    error = caught.value
    assert time.monotonic() - begin < 20
    assert error.exit_code == 3
    assert error.hint
    for text in (error.message, error.hint):
        assert text.isprintable()
        assert len(text) < 300
        assert not any(word in text for word in ("Traceback", "ERROR:", "yt_dlp", "caused by", "report this"))
    assert entered() == []
    assert staged() == []
    return error


@pytest.mark.parametrize(
    ("mode", "requests"),
    [("whole", 2), ("norange", 2), ("chunked", 2), ("page", 2), ("redirect", 4), ("open", 2), ("busy", 3),
     ("mediabusy", 3), ("patient", 3), ("diesonce", 3), ("diesnorange", 3)],
)  # fmt: skip
def test_whatever_works_in_the_end_gives_the_same_bytes(mode, requests, server, fetch, wav, notes):
    media = fetch(server.url(mode))
    assert media.path.read_bytes() == wav
    assert media.duration == pytest.approx(2.986, abs=0.01)
    assert len(server.asked) == requests
    assert notes.done == len(wav)
    assert notes.warnings == []


@pytest.mark.parametrize(
    ("mode", "what", "requests"),
    [
        ("missing", "not found (404)", 1),
        ("gone", "not found (404)", 1),
        ("forbidden", "access is refused (403)", 2),
        ("unauthorized", "refused (401)", 2),
        ("precondition", "blocks this address (412)", 2),
        ("toomany", "slow down (429)", 3),
        ("hourlater", "slow down (429)", 1),
        ("broken", "the server has an error (500)", 3),
        ("legal", "legal reasons (451)", 1),
        ("loop", "redirected in a circle", None),
        ("tofile", "file:// or other address", 1),
        ("html", "no sound or video that can be found", 1),
        ("htmlaudio", "a page or a text instead of sound", 2),
        ("text", "cannot be used", 2),
        ("empty", "sent nothing", 4),
        ("cutnorange", "broke off", None),
        ("cutopen", "broke off", 4),
        ("stall", "stopped answering", None),
        ("hls/live", "a live stream", None),
        ("hls/missing", "a piece of the stream is missing", None),
        ("hls/file", "file:// or other address", None),
        ("hls/cut", "broke off", None),
        ("hls/stall", "stopped answering", None),
    ],
)
def test_every_failure_is_one_line_and_leaves_nothing(mode, what, requests, server, fetch, entered, staged):
    error = refusal(fetch, server.url(mode), entered, staged)
    assert what in error.message
    assert f"127.0.0.1:{server.port}" in error.message
    if requests:
        assert len(server.asked) == requests


def test_a_server_that_asks_for_an_hour_is_not_waited_for(server, fetch, entered, staged):
    assert "3600 s" in refusal(fetch, server.url("hourlater"), entered, staged).hint


def test_a_short_retry_after_is_waited_for(server, fetch):
    begin = time.monotonic()
    fetch(server.url("patient"))
    assert time.monotonic() - begin >= 1.0


def test_a_connection_cut_many_times_is_continued_by_range(server, fetch, wav):
    assert fetch(server.url("cut"), retries=10).path.read_bytes() == wav
    assert sum(bool(span) for _, _, span in server.asked) >= 3


def test_a_dead_host_and_an_unknown_one_are_told_apart(fetch, entered, staged):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert (
        "refuses the connection" in refusal(fetch, f"http://127.0.0.1:{port}/a.wav", entered, staged).message
    )
    assert "no host of that name" in refusal(fetch, "http://nowhere.invalid/a.wav", entered, staged).message


def test_a_host_that_never_answers_takes_bounded_time(fetch, entered, staged):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.wav"
        assert "does not answer" in refusal(fetch, url, entered, staged, timeout=0.3).message


def test_a_server_that_speaks_no_http_is_an_error_in_one_line(fetch, entered, staged):
    import threading

    with socket.create_server(("127.0.0.1", 0)) as odd:

        def answer():
            while True:
                try:
                    connection, _ = odd.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"\x00\x01SSH-2.0-hello\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        refusal(fetch, f"http://127.0.0.1:{odd.getsockname()[1]}/a.wav", entered, staged)
        odd.shutdown(socket.SHUT_RDWR)


def test_a_dead_proxy_is_named_and_an_empty_one_means_none(server, fetch, entered, staged, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
    refusal(fetch, server.url("whole"), entered, staged, proxy=dead)
    assert server.asked == []
    monkeypatch.setenv("http_proxy", dead)
    monkeypatch.delenv("no_proxy", raising=False)
    fetch(server.url("whole"), proxy="")


def test_a_file_above_the_limit_is_refused_before_it_is_downloaded(server, fetch, entered, staged):
    error = refusal(fetch, server.url("whole"), entered, staged, max_bytes=100_000)
    assert "larger than the limit" in error.message


def test_a_radio_station_does_not_play_for_ever(server, fetch, entered, staged):
    assert "no end after" in refusal(fetch, server.url("endless"), entered, staged, endless=0.5).message


def test_a_rate_limit_limits_the_rate(server, fetch, wav):
    begin = time.monotonic()
    fetch(server.url("whole"), limit_rate="150K")
    assert time.monotonic() - begin > len(wav) / (150 * 1024) * 0.6


@pytest.mark.parametrize(("name", "codec", "container"), [
    ("a.mp3", "libmp3lame", "mp3"), ("a.ts", "aac", "mpegts"), ("a.aac", "aac", "adts"),
])  # fmt: skip
def test_a_file_whose_length_nobody_knows_is_taken_with_a_warning(
    name, codec, container, server, fetch, notes, encoded
):
    server.media = encoded(name, codec, container, **({"write_xing": "0"} if container == "mp3" else {}))
    fetch(server.url("open", name))
    assert [text for text in notes.warnings if "a cut at the end would go unnoticed" in text]


@pytest.mark.parametrize(("name", "codec", "container"), [
    ("a.wav", "pcm_s16le", "wav"), ("a.m4a", "aac", "ipod"), ("a.flac", "flac", "flac"),
    ("a.oga", "flac", "ogg"),
    ("a.opus", "libopus", "ogg"), ("a.webm", "libopus", "webm"), ("a.mp3", "libmp3lame", "mp3"),
])  # fmt: skip
def test_a_file_that_tells_its_own_length_is_taken_whole_and_refused_cut(
    name, codec, container, server, fetch, notes, encoded
):
    media = encoded(name, codec, container)
    server.media = media
    assert fetch(server.url("open", name)).path.read_bytes() == media
    assert notes.warnings == []
    for size in (len(media) - 1, len(media) * 2 // 3):
        server.media = media[:size]
        with pytest.raises(DownloadError):
            fetch(server.url("open", f"cut{size}{name}"))


def test_an_hls_recording_is_joined_from_all_its_segments(server, fetch, hls):
    media = fetch(server.url("hls/whole"))
    assert media.path.read_bytes() == b"".join(hls[0])
    assert media.duration == pytest.approx(sum(hls[1]), abs=0.3)


def test_a_second_run_on_a_link_asks_the_server_nothing(server, fetch):
    first = fetch(server.url("whole"))
    before = len(server.asked)
    assert fetch(server.url("whole")) == first
    assert len(server.asked) == before


def test_a_link_that_leads_to_known_media_downloads_nothing(server, fetch):
    first = fetch(server.url("whole"))
    downloads = server.count("whole")
    assert fetch(server.url("redirect")).path == first.path
    assert server.count("whole") == downloads + 2  # where it leads, and what that is; not for what is in it


def test_refresh_fetches_again_and_replaces(server, fetch, wav):
    first = fetch(server.url("whole"))
    changed = wav[:-4] + b"\x00\x00\x00\x01"
    server.media = changed
    assert fetch(server.url("whole")).path.read_bytes() == wav
    second = fetch(server.url("whole"), refresh=True)
    assert second.path == first.path
    assert second.path.read_bytes() == changed


def test_a_damaged_cache_entry_is_fetched_again(server, fetch, wav):
    media = fetch(server.url("whole"))
    media.path.write_bytes(b"RIFF")
    assert fetch(server.url("whole")).path.read_bytes() == wav
    (media.path.parent / "item.json").write_text("{")
    assert fetch(server.url("whole")).path.read_bytes() == wav


def test_links_with_the_same_file_name_are_not_confused(server, fetch, wav):
    server.files["a"] = (wav, "audio/wav")
    server.files["b"] = (wav[:-4] + b"\x00\x00\x00\x01", "audio/wav")
    first, second = (fetch(f"http://127.0.0.1:{server.port}/file/{name}") for name in "ab")
    assert first.path != second.path
    one, two = (fetch(server.url(mode, "x.wav")) for mode in ("whole", "norange"))
    assert one.path != two.path


def test_no_secret_of_a_link_is_stored_or_shown(server, fetch, cache):
    secret = "s3cr3t" * 4
    media = fetch(
        server.url("whole").replace("http://", f"http://user:{secret}@") + f"?token={secret}&p=2#{secret}"
    )
    assert media.url == server.url("whole") + "?p=2"
    stored = b"".join(path.read_bytes() for path in cache.rglob("*") if path.suffix == ".json")
    assert secret.encode() not in stored
    with pytest.raises(DownloadError) as caught:
        fetch(server.url("missing") + f"?token={secret}")
    assert secret not in caught.value.message + caught.value.hint


def test_cookies_are_sent_and_their_file_is_left_as_it_was(server, fetch, tmp_path, cache):
    jar = tmp_path / "cookies.txt"
    text = (
        "# Netscape HTTP Cookie File\n# a comment of mine\n127.0.0.1\tFALSE\t/\tFALSE\t0\tSESSDATA\ts3cr3t\n"
    )
    jar.write_text(text)
    before = jar.stat()
    fetch(server.url("whole"), cookies=jar)
    assert server.cookies[-1] == "SESSDATA=s3cr3t"
    assert jar.read_text() == text
    assert (jar.stat().st_mtime_ns, jar.stat().st_mode) == (before.st_mtime_ns, before.st_mode)
    assert not any(b"s3cr3t" in path.read_bytes() for path in cache.rglob("*") if path.is_file())


@pytest.mark.parametrize("text", ['[{"name": "SESSDATA"}]', "SESSDATA=1; x=2", "\x00\x01"])
def test_a_cookies_file_in_another_format_is_named(text, server, fetch, tmp_path, entered, staged):
    jar = tmp_path / "cookies.txt"
    jar.write_text(text)
    assert "Netscape" in refusal(fetch, server.url("whole"), entered, staged, cookies=jar).message


def test_what_is_stored_beside_the_media_is_what_is_told_again(server, fetch, cache):
    media = fetch(server.url("page"))
    (facts,) = (json.loads(path.read_text()) for path in cache.glob("media/*/item.json"))
    assert facts["title"] == media.title == "A page (1)"
    assert facts["size"] == media.path.stat().st_size
    assert set(facts) == {
        "title",
        "id",
        "site",
        "url",
        "duration",
        "uploader",
        "tags",
        "part",
        "version",
        "file",
        "size",
    }
