"""Kills at any moment, full disks and two processes at once: real processes, real signals."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import ctrl_c
import pytest

HERE = Path(__file__).parent
PROGRAM = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
if len(sys.argv) > 4:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)
from bili2text.errors import Bili2TextError
from bili2text.progress import Silent
from bili2text.source.fetch import open_source
from bili2text.source.locate import Source
from bili2text.source.media import LinkOptions
options = LinkOptions(retries=2, tries=2, timeout=2.0, patience=0.02)
try:
    for item in open_source(Source("link", "", url=sys.argv[1]), options, Path(sys.argv[2]), Silent()):
        print(item.fetch().path)
except Bili2TextError as error:
    print(json.dumps([type(error).__name__, error.message, error.hint]))
    sys.exit(error.exit_code)
"""


@pytest.fixture
def start(cache):
    """Return a function that starts the download of a link in a process of its own."""
    running = []

    def begin(url: str, *more: str) -> subprocess.Popen:
        command = [sys.executable, "-c", PROGRAM, url, str(cache), str(HERE / "plugins"), *more]
        root = str(HERE.parent.parent)
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root},
            preexec_fn=ctrl_c.heard,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def finish(process) -> Path:
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, out + err
    assert err == ""
    return Path(out.strip())


def part_of(cache) -> Path | None:
    return next(iter((cache / "staging").glob("*/media*.part")), None)


def wait_for_part(cache, size: int) -> Path:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        part = part_of(cache)
        if part and part.stat().st_size >= size:
            return part
        time.sleep(0.005)
    raise AssertionError("the download did not begin")


@pytest.fixture
def slow(server, wav):
    """Return the links of the same slow file: on a known site with and without a size, and as a bare link."""
    facts = {"title": "Slow", "url": server.url("slow"), "ext": "wav", "vcodec": "none", "duration": 2.986}
    server.slow = 300_000
    server.answers["sized"] = {"id": "sized", **facts, "filesize": len(wav)}
    server.answers["unsized"] = {"id": "unsized", **facts}
    server.asked.append(("GET", "/slow/speech.wav", ""))  # the mode hurries through the first request for it
    root = f"http://127.0.0.1:{server.port}/site"
    return {"sized": f"{root}/sized", "unsized": f"{root}/unsized", "bare": server.url("slow")}


@pytest.mark.parametrize("link", ["sized", "unsized", "bare"])
def test_a_killed_download_ends_with_the_same_bytes(link, slow, start, cache, server, wav):
    process = start(slow[link])
    wait_for_part(cache, 60_000)
    process.kill()
    process.wait()
    assert not list((cache / "media").glob("*/item.json"))
    asked = len(server.asked)
    assert finish(start(slow[link])).read_bytes() == wav
    continued = [span for _, _, span in server.asked[asked:] if span]
    assert bool(continued) == (
        link != "bare"
    )  # of a bare link nobody knows whether it still is the same file


def test_kills_at_random_moments_never_leave_it_stuck(slow, start, cache, wav):
    chance = random.Random(20261121)
    for _ in range(5):
        process = start(slow["sized"])
        time.sleep(0.4 + chance.random() * 0.7)
        process.kill()
        process.wait()
    assert finish(start(slow["sized"])).read_bytes() == wav


@pytest.mark.parametrize("link", ["sized", "unsized", "bare"])
@pytest.mark.parametrize("size", ["complete", "longer", "empty"])
def test_a_part_that_cannot_be_continued_is_thrown_away(size, link, slow, start, cache, server, wav):
    process = start(slow[link])
    part = wait_for_part(cache, 30_000)
    process.kill()
    process.wait()
    part.write_bytes({"complete": wav, "longer": wav + b"x", "empty": b""}[size])
    server.slow = 10_000_000
    assert finish(start(slow[link])).read_bytes() == wav


def test_a_part_of_an_older_file_is_not_joined_to_a_newer_one(slow, start, cache, server, wav, encoded):
    process = start(slow["unsized"])
    wait_for_part(cache, 60_000)
    process.kill()
    process.wait()
    server.media = encoded("newer.wav", "pcm_s32le", "wav")
    server.slow = 10_000_000
    assert 60_000 < len(server.media) != len(wav)
    assert finish(start(slow["unsized"])).read_bytes() == server.media


def test_a_killed_stream_of_segments_starts_again_from_nothing(start, cache, server, hls):
    url = server.url("hls/slow")
    process = start(url)
    wait_for_part(cache, len(hls[0][0]))
    process.kill()
    process.wait()
    assert finish(start(url)).read_bytes() == b"".join(hls[0])


@pytest.mark.parametrize("link", ["sized", "hls"])
def test_an_interrupt_ends_it_at_once_and_it_can_be_continued(link, slow, start, cache, server, wav, hls):
    url = server.url("hls/slow") if link == "hls" else slow[link]
    process = start(url)
    wait_for_part(cache, 10_000 if link == "hls" else 60_000)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert time.monotonic() - begin < 2
    assert process.returncode not in (0, None)
    assert finish(start(url)).read_bytes() == (b"".join(hls[0]) if link == "hls" else wav)


def test_two_processes_on_one_link_download_it_once(slow, start, server, wav):
    first, second = start(slow["sized"]), start(slow["sized"])
    paths = {finish(first), finish(second)}
    assert len(paths) == 1
    assert paths.pop().read_bytes() == wav
    assert sum(path == "/slow/speech.wav" for _, path, _ in server.asked) == 2  # one is the fixture's own


@pytest.mark.parametrize("mode", ["whole", "hls/whole"])
def test_a_full_disk_is_said_in_one_line_and_leaves_the_cache_clean(mode, server, start, entered):
    process = start(server.url(mode), "10000")
    out, err = process.communicate(timeout=30)
    kind, message, hint = json.loads(out)
    assert (process.returncode, kind) == (5, "StorageError")
    assert "the disk is full" in message
    assert hint
    assert "Traceback" not in err
    assert entered() == []


def test_a_cache_that_cannot_be_written_is_said_in_one_line(server, fetch, cache):
    from bili2text.errors import StorageError

    cache.write_text("a file where the cache should be")
    with pytest.raises(StorageError):
        fetch(server.url("whole"))


def test_a_read_only_cache_still_serves_what_it_has(server, fetch, cache):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    media = fetch(server.url("whole"))
    for path in sorted(cache.rglob("*")):
        path.chmod(0o555)
    try:
        assert fetch(server.url("whole")) == media
    finally:
        for path in sorted(cache.rglob("*")):
            path.chmod(0o755)
