import io
import os
import socket
import subprocess
import sys

import pytest

from bili2text.errors import SourceError, UsageError
from bili2text.progress import Silent
from bili2text.source.fetch import open_source
from bili2text.source.locate import Source
from bili2text.source.media import LinkOptions


def opened(path, cache, **changes):
    source = Source("file", str(path), path=path)
    return [item.fetch() for item in open_source(source, LinkOptions(**changes), cache, Silent())]


def test_a_local_file_stays_where_it_is(tmp_path, cache, wav):
    path = tmp_path / "my talk\x1b.wav"
    path.write_bytes(wav)
    (media,) = opened(path, cache)
    assert (media.path, media.title, media.site, media.id) == (path, "my talk", "file", None)
    assert not cache.exists()


@pytest.mark.parametrize(
    "kind", ["folder", "pipe", "socket", "device", "missing", "empty", "dangling", "loop", "long"]
)
def test_what_is_no_readable_file_is_refused_at_once(kind, tmp_path, cache):
    path = tmp_path / "it"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "empty":
        path.touch()
    elif kind in ("dangling", "loop"):
        path.symlink_to(path if kind == "loop" else tmp_path / "nowhere")
    elif kind == "long":
        path = tmp_path / ("x" * 300)
    with pytest.raises(SourceError) as caught:
        opened(path, cache)
    assert caught.value.hint
    assert caught.value.message.isprintable()


def test_a_file_nobody_may_read_is_refused(tmp_path, cache):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = tmp_path / "secret.wav"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(SourceError, match="no permission"):
        opened(path, cache)


def read(stream, cache, **changes):
    return open_source(Source("stdin", "-"), LinkOptions(**changes), cache, Silent(), stream)


def test_standard_input_is_a_file_for_as_long_as_it_is_used(cache, wav):
    items = read(io.BytesIO(wav), cache)
    media = next(items).fetch()
    assert media.path.read_bytes() == wav
    assert (media.title, media.site) == ("stdin", "stdin")
    items.close()
    assert not media.path.exists()
    assert list((cache / "staging").iterdir()) == []


def test_too_much_or_nothing_on_standard_input_is_an_error(cache):
    with pytest.raises(SourceError, match="more than 10 bytes"):
        next(read(io.BytesIO(b"x" * 11), cache, max_bytes=10))
    with pytest.raises(SourceError, match="nothing came"):
        next(read(io.BytesIO(b""), cache))
    assert list((cache / "staging").iterdir()) == []


def test_a_terminal_on_standard_input_is_a_mistake_in_the_command(cache):
    controller, terminal = os.openpty()
    with open(terminal, "rb", buffering=0) as stream, pytest.raises(UsageError):  # noqa: PTH123 - a descriptor
        next(read(stream, cache))
    os.close(controller)


def test_what_a_killed_process_left_of_its_input_is_removed(cache, wav):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = cache / "staging" / f"stdin-{ended.pid}-abc"
    ours = cache / "staging" / f"stdin-{os.getpid()}-def"
    for folder in (left, ours):
        folder.mkdir(parents=True)
    items = read(io.BytesIO(wav), cache)
    next(items)
    assert not left.exists()
    assert ours.exists()


def test_a_file_needs_nothing_of_what_links_need() -> None:
    code = (
        "import sys, bili2text.pipeline, bili2text.lists.run\n"
        "from pathlib import Path\n"
        "from bili2text.progress import Silent\n"
        "from bili2text.source.fetch import open_source\n"
        "from bili2text.source.locate import Source\n"
        "from bili2text.source.media import LinkOptions\n"
        "source = Source('file', sys.argv[1], path=Path(sys.argv[1]))\n"
        "assert list(open_source(source, LinkOptions(), Path(), Silent()))\n"
        "print('yt_dlp' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, __file__], capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr
