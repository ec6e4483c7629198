"""Fixtures of this folder: the fault server with real speech, segments of it, a Progress that takes notes."""

import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import av
import pytest
from fault_server import FaultServer

from bili2text.progress import Silent
from bili2text.source.fetch import open_source
from bili2text.source.locate import locate
from bili2text.source.media import LinkOptions

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "plugins"))  # where yt-dlp finds the site of these tests


class Notes(Silent):
    """A Progress that remembers what it was told, and counts bytes."""

    def __init__(self):
        self.notes, self.warnings, self.done, self.totals = [], [], 0.0, []

    def stage(self, name, total, unit):
        notes = self

        class Counting(type(Silent().stage(name, total, unit))):
            def advance(self, amount):
                notes.done += amount

            def grow(self, total):
                notes.totals.append(total)

        return Counting()

    def note(self, text):
        self.notes.append(text)

    def warn(self, text):
        self.warnings.append(text)


@pytest.fixture(scope="session")
def wav() -> bytes:
    """About three seconds of English speech: 191,164 bytes of 32-bit float at 16 kHz."""
    return (files("pytest_audioeval") / "samples/audio/en/counting.wav").read_bytes()


@pytest.fixture(scope="session")
def encoded(wav, tmp_path_factory):
    """Return a function from a file name (its extension says the container) to the speech, encoded."""
    folder = tmp_path_factory.mktemp("encoded")
    (folder / "in.wav").write_bytes(wav)

    def encode(name: str, codec: str, container: str | None = None, **options: str) -> bytes:
        path = folder / name
        with (
            av.open(folder / "in.wav") as source,
            av.open(path, "w", format=container, options=options) as out,
        ):
            stream = out.add_stream(codec, rate=48000 if "opus" in codec else 16000, layout="mono")
            resampler = av.AudioResampler(stream.format, "mono", stream.rate, stream.frame_size or 1024)
            for frame in [*source.decode(audio=0), None]:
                for piece in resampler.resample(frame):
                    out.mux(stream.encode(piece))
            out.mux(stream.encode(None))
        return path.read_bytes()

    encode.folder = folder
    return encode


@pytest.fixture(scope="session")
def hls(encoded):
    """Return the speech as MPEG-TS segments and the seconds each of them lasts."""
    encoded("list.m3u8", "aac", "hls", hls_time="0.5", hls_list_size="0")
    lines = (encoded.folder / "list.m3u8").read_text().splitlines()
    seconds = tuple(float(line[8:].rstrip(",")) for line in lines if line.startswith("#EXTINF:"))
    segments = tuple((encoded.folder / line).read_bytes() for line in lines if line.endswith(".ts"))
    return segments, seconds


@pytest.fixture
def server(wav, hls):
    with FaultServer(wav) as running:
        running.segments, running.seconds = hls
        yield running


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def options():
    """Options with every pause cut short."""
    return LinkOptions(retries=2, tries=3, timeout=0.6, patience=0.02)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def fetch(options, cache, notes):
    """Return a function from a link to the Media behind it; `fetch.many` returns all that a list gives."""

    def one(text: str, **changes):
        return many(text, **changes)[0]

    def many(text: str, **changes):
        chosen = replace(options, **changes)
        return [item.fetch() for item in open_source(locate(text, lambda _: False), chosen, cache, notes)]

    one.many = many
    return one


@pytest.fixture
def entered(cache):
    """Return a function that lists what is in the media cache, by name, without the index of links."""

    def names() -> list[str]:
        found = (path for path in (cache / "media").rglob("*") if path.is_file())
        return sorted(path.name for path in found if path.parent.name != "links")

    return names


@pytest.fixture
def staged(cache):
    """Return a function that lists what is left in staging, locks aside."""

    def names() -> list[str]:
        found = (path for path in (cache / "staging").rglob("*") if path.is_file())
        return sorted(path.name for path in found if path.suffix != ".lock")

    return names
