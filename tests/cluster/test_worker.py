"""A worker as Ray would run it, without Ray: real sound, a real model, results in a real place."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="the extra [ray] is not installed")

from bili2text.cluster.results import Results
from bili2text.cluster.values import Job
from bili2text.cluster.worker import Worker
from bili2text.errors import StorageError
from bili2text.plan.values import Wishes
from bili2text.request import Output, Request
from bili2text.source.media import Media


def request(model: Path) -> Request:
    wishes = Wishes(str(model), device="cpu", beam_size=1, best_of=1, batch_size=1, threads=1)
    return Request((), wishes=wishes, output=Output("unused", "txt,json"))


def test_a_worker_writes_under_the_name_it_is_given_once_and_leaves_nothing_else(
    tiny_en_folder: Path, samples: Path, tmp_path: Path, environ: Mapping[str, str]
) -> None:
    environ = {**environ, "BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}
    sound = tmp_path / "counting.wav"
    shutil.copy(samples / "en" / "counting.wav", sound)
    media = Media(sound, "counting", None, "file", None, None)
    results = Results(str(tmp_path / "out"))
    results.leave("word")
    content = sound.read_bytes()
    with closing(Worker(request(tiny_en_folder), results.address, environ)) as worker:
        assert worker.ready("word").device == "cpu"
        job = Job((1,), "key", "07 counting", media)
        sound.unlink()  # another machine has no such file: its sound comes in pieces
        told = worker.transcribe(job, iter([content[:1000], content[1000:]]))
        assert told.trouble is None
        assert sorted(told.written) == ["07 counting.json", "07 counting.report.json", "07 counting.txt"]
        assert "345" in (tmp_path / "out" / "07 counting.txt").read_text()
        again = worker.transcribe(job, None)  # whole already: the missing file is not missed
        assert (again.trouble, set(again.written)) == (None, set(told.written))
        gone = worker.transcribe(Job((2,), "other", "gone", media), None)
        assert gone.trouble is not None
        assert str(sound) in gone.trouble.message
    assert not list((tmp_path / "cache" / "cluster").iterdir())
    assert not list(tmp_path.rglob("*.part"))


def test_a_worker_that_sees_another_place_does_not_begin(
    tiny_en_folder: Path, tmp_path: Path, environ: Mapping[str, str]
) -> None:
    Results(str(tmp_path / "out")).leave("word")
    environ = {**environ, "BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}
    elsewhere = str(tmp_path / "elsewhere")
    with (
        closing(Worker(request(tiny_en_folder), elsewhere, environ)) as worker,
        pytest.raises(StorageError, match="another place"),
    ):
        worker.ready("word")
    assert list((tmp_path / "cache" / "cluster").iterdir()) == []
