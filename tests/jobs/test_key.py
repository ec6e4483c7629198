"""The same sound with the same options is the same job; anything else is another one."""

import hashlib
from pathlib import Path

import pytest

from bili2text.errors import SourceError
from bili2text.jobs.key import audio_digest, job_key
from bili2text.progress import Silent, Stage


class Watched(Silent):
    """Remembers the stages that were opened."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, float | None, str]] = []

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        self.opened.append((name, total, unit))
        return super().stage(name, total, unit)


def test_the_key_counts_values_not_their_order_or_spelling() -> None:
    key = job_key("ab", {"beam": 5, "temperatures": (0.0, 0.2), "prompt": "\ud800你好"})
    assert key == job_key("ab", {"prompt": "\ud800你好", "temperatures": [0.0, 0.2], "beam": 5})
    assert len(key) == 32
    others = [
        job_key("ac", {"beam": 5, "temperatures": (0.0, 0.2), "prompt": "\ud800你好"}),
        job_key("ab", {"beam": 6, "temperatures": (0.0, 0.2), "prompt": "\ud800你好"}),
        job_key("ab", {"beam": 5, "temperatures": (0.2, 0.0), "prompt": "\ud800你好"}),
        job_key("ab", {"beam": 5, "temperatures": (0.0, 0.2), "prompt": "你好"}),
        job_key("ab", {"beam": True, "temperatures": (0.0, 0.2), "prompt": None}),
        job_key("ab", {"beam": 1, "temperatures": (0.0, 0.2), "prompt": None}),
        job_key("ab", {"beam": 1, "temperatures": (0.0, 0.2 + 1e-16), "prompt": None}),
    ]
    assert len({key, *others}) == 8 - (0.2 == 0.2 + 1e-16)
    with pytest.raises(ValueError, match="JSON"):
        job_key("ab", {"x": float("nan")})


def test_a_key_never_changes_from_one_version_to_the_next() -> None:
    assert job_key("00" * 32, {"a": 0.1, "b": [1, None, "字"]}) == KNOWN


KNOWN = hashlib.sha256(
    b'{"audio":"' + b"00" * 32 + b'","options":{"a":0.1,"b":[1,null,"\\u5b57"]}}'
).hexdigest()[:32]


def test_the_digest_is_that_of_the_bytes_and_a_large_file_shows_progress(tmp_path: Path) -> None:
    small, large, progress = tmp_path / "small", tmp_path / "large", Watched()
    small.write_bytes(b"sound" * 1000)
    with large.open("wb") as file:
        file.truncate(200_000_001)
    assert audio_digest(small, progress) == hashlib.sha256(b"sound" * 1000).hexdigest()
    assert progress.opened == []
    audio_digest(large, progress)
    assert progress.opened == [("hash", 200_000_001, "B")]


def test_a_file_that_is_still_written_to_has_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "sound"
    path.write_bytes(bytes(200_000_001))

    class Writer(Silent):
        def stage(self, name: str, total: float | None, unit: str) -> Stage:
            with path.open("ab") as file:
                file.write(b"more")
            return super().stage(name, total, unit)

    with pytest.raises(SourceError, match="being written"):
        audio_digest(path, Writer())


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(SourceError, match="cannot read"):
            audio_digest(path, Silent())
