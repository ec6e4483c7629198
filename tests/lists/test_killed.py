"""A list on a server that fails in every way, killed again and again, ends as one that nobody disturbed.

All of it: LIST_LINKS=30 LIST_KILLS=5 pytest tests/lists/test_killed.py
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from a_list import NAME

from bili2text.errors import StorageError
from bili2text.lists.manifest import look
from bili2text.lists.shelf import Shelf
from bili2text.lists.values import SETTLED, exit_code

LINKS = int(os.environ.get("LIST_LINKS", "8"))
KILLS = int(os.environ.get("LIST_KILLS", "2"))
SEED = int(os.environ.get("LIST_SEED", "7"))
_STUCK = 240.0  # seconds

# what each mode of fault_server.py does is written there; "N" is another recording each time
MODES = (
    "fileN", "missing", "patient", "forbidden", "busy", "broken", "fileN", "htmlaudio", "cut", "stall",
    "fileN", "mediabusy", "html", "gone", "text", "diesonce", "fileN", "empty", "precondition", "cutopen",
    "fileN", "loop", "legal", "tofile", "unauthorized", "toomany", "pages", "hourlater", "whole", "redirect",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")


@pytest.fixture
def links(server, samples, tmp_path):
    """A file of links, good ones among bad ones of every kind."""
    clips = [path.read_bytes() for path in sorted((samples / "en").glob("*.wav"))]
    found = []
    for index, mode in enumerate(MODES[:LINKS]):
        if mode == "fileN":
            server.files[f"{index}.wav"] = (clips[index % len(clips)], "audio/wav")
            found.append(f"http://127.0.0.1:{server.port}/file/{index}.wav")
        else:
            found.append(server.url(mode, f"{index}.wav"))
    path = tmp_path / "links.txt"
    path.write_text("\n".join(found))
    return path


@pytest.fixture
def begin(links, tiny_en_folder, tmp_path):
    """Return a function that starts a process on the list, in a cache and to files of that name."""

    def start(name):
        program = str(Path(__file__).with_name("a_list.py"))
        words = [tmp_path / name / "cache", tmp_path / name / "out", tiny_en_folder, links]
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.Popen([sys.executable, program, *map(str, words)], env=environ)

    return start


def entries(cache):
    try:
        return (look(Shelf(cache).folder(NAME)) or (None, ()))[1]
    except StorageError:
        return ()


def ending(folder):
    """What is left of a run: the fate of each entry, and the bytes of each file."""
    fates = {
        one.place: (one.name, one.state, one.code, one.why, one.tries) for one in entries(folder / "cache")
    }
    files = {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir())}
    return fates, files


def killed_at(begin, name, cache, settled, delay):
    """Start a process and kill it some moments after so many entries were settled; False if it was faster."""
    running = begin(name)
    end = time.monotonic() + _STUCK
    while running.poll() is None and sum(one.state in SETTLED for one in entries(cache)) < settled:
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(delay)
    alive = running.poll() is None
    running.kill()
    running.wait()
    return alive


@pytest.mark.timeout(600)
def test_killed_and_resumed_it_ends_the_same(begin, server, tmp_path):
    assert begin("whole").wait(_STUCK) == 0
    expected = ending(tmp_path / "whole")
    assert exit_code(entries(tmp_path / "whole" / "cache")) == 1
    asked_whole = len(server.asked)
    server.asked.clear()  # what fails once fails once more
    chance = random.Random(SEED)
    kills = 0
    for kill in range(KILLS):
        settled = LINKS * (kill + 1) // (KILLS + 2)
        kills += killed_at(begin, "killed", tmp_path / "killed" / "cache", settled, chance.random())
    assert kills == KILLS
    assert begin("killed").wait(_STUCK) == 0
    found = ending(tmp_path / "killed")
    assert found[0] == expected[0]
    assert found[1].keys() == expected[1].keys()
    assert found[1] == expected[1]
    states = {fate[1] for fate in found[0].values()}
    print(
        f"{LINKS} links, {kills} kills, {len(found[1])} files, {states}, {asked_whole}/{len(server.asked)} asked"
    )
