"""Fixtures of this folder: the fault server with real speech, and the request that the tests work with."""

import sys
from pathlib import Path

import pytest
from fault_server import FaultServer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for modules shared by these tests
sys.path.insert(0, str(HERE.parent / "source" / "plugins"))  # where yt-dlp finds the site of these tests

from a_list import a_request  # noqa: E402

from bili2text.progress import Silent  # noqa: E402


class Notes(Silent):
    """A Progress that remembers what it was told."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def warn(self, text):
        self.notes.append(text)


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def speech(samples):
    return (samples / "en" / "counting.wav").read_bytes()


@pytest.fixture
def server(speech):
    with FaultServer(speech) as running:
        yield running


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def lonely(cache):
    """An environment with a cache of the test's own."""
    return {"BILI2TEXT_CACHE_DIR": str(cache)}


@pytest.fixture
def request_for(tiny_en_folder, tmp_path):
    """Return a function from sources to the Request that hears them with the smallest model."""

    def made(*sources, **output):
        return a_request(sources, tiny_en_folder, tmp_path / "out", **output)

    return made
