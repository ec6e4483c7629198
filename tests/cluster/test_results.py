from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="the extra [ray] is not installed")

from bili2text.cluster.results import MARKS, Results, key_of
from bili2text.errors import StorageError, UsageError
from bili2text.lists.values import Entry

NAMES = ("一 talk.txt", "一 talk.json")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    made = tmp_path / "made"
    made.mkdir()
    for number, name in enumerate(NAMES):
        (made / name).write_text("words " * (number + 1))
    return {name: made / name for name in NAMES}


@pytest.fixture(params=["folder", "memory", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "out")
    elif request.param == "memory":
        yield f"memory://{tmp_path.name}/out"
    else:
        yield request.getfixturevalue("bucket")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket on a server of S3's protocol on 127.0.0.1."""
    pytest.importorskip("s3fs", reason="the extra [s3] is not installed")
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    import s3fs

    code = "from moto.server import ThreadedMotoServer as S\ns = S('127.0.0.1', 0, verbose=False)\n"
    code += "s.start(); print(s.get_host_and_port()[1], flush=True); import sys; sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "*",
        }.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("talks")
        yield "s3://talks/out"
        server.kill()
    s3fs.S3FileSystem.clear_instance_cache()


def test_results_are_whole_once_all_of_them_are_there_in_their_sizes(
    address: str, files: dict[str, Path]
) -> None:
    results = Results(address)
    results.claim("k", NAMES, overwrite=False)
    assert results.whole("k") is None
    results.put("k", files, {"seconds": 2.5})
    found = Results(address).whole("k")
    assert found is not None
    assert dict(found.files) == {name: path.stat().st_size for name, path in files.items()}
    assert found.facts["seconds"] == 2.5
    results._write("k", NAMES[0], b"cut")
    assert results.whole("k") is None


def test_what_was_given_up_leaves_nothing_and_what_is_whole_stays(
    address: str, files: dict[str, Path]
) -> None:
    results = Results(address)
    results.claim("lost", ["other.txt"], overwrite=False)
    results._write("lost", "other.txt", b"half of it")
    results.put("k", files, {})
    for key in ("lost", "k", "never"):
        results.withdraw(key)
    assert results._size("other.txt") is None
    assert results._mark("lost") is None
    assert results.whole("k") is not None


def test_a_file_of_somebody_else_is_kept_unless_it_may_be_replaced(
    address: str, files: dict[str, Path]
) -> None:
    results = Results(address)
    results._write("", NAMES[0], b"mine")
    with pytest.raises(StorageError, match="already there"):
        results.claim("k", NAMES, overwrite=False)
    results.claim("k", NAMES, overwrite=True)
    results.put("k", files, {})
    results.claim("k", NAMES, overwrite=False)  # its own are its own


def test_workers_know_by_a_word_whether_they_see_the_same_place(address: str) -> None:
    results = Results(address)
    results.leave("list-1234")
    assert Results(address).sees("list-1234")
    assert not Results(address).sees("list-4321")
    results.leave("list-5678")  # by the next run, after one that was killed
    assert not results.sees("list-1234")
    results.take_away("list-5678")
    assert not results.sees("list-5678")
    assert not results._listed()


def test_a_writer_that_was_killed_leaves_half_a_file_that_the_next_clears_up(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from bili2text.cluster.results import Results\n"
        "r = Results(sys.argv[1]); r._fs.mv = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "r.put('k', {'a.txt': Path(sys.argv[2])}, {})"
    )
    words = tmp_path / "words"
    words.write_text("some")
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out"), str(words)], env=env)
    assert done.returncode == -9
    left = list((tmp_path / "out" / MARKS).glob("*.part"))
    assert len(left) == 1
    results = Results(str(tmp_path / "out"))
    assert results.whole("k") is None
    results.clear("k")
    assert not list((tmp_path / "out").rglob("*.part"))
    left[0].write_text("half")
    results.claim("k", ["a.txt"], overwrite=False)
    assert left[0].exists()  # nobody had claimed it: it may be somebody's who is at it now
    results.claim("k", ["a.txt"], overwrite=False)
    assert not left[0].exists()


def test_a_mark_that_leads_elsewhere_is_no_mark(tmp_path: Path) -> None:
    outside = tmp_path / "precious.txt"
    outside.write_text("keep")
    results = Results(str(tmp_path / "out"))
    for bad in ('{"../precious.txt": 4}', '{"..": 1}', '["a"]', '{"a": "b"}', "null"):
        text = f'{{"format": 1, "whole": false, "facts": {{}}, "files": {bad}}}'
        results._write("k", f"{MARKS}/k.json", text.encode())
        assert results.whole("k") is None
        results.withdraw("k")
    assert outside.read_text() == "keep"


def test_keys_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        Results("s3://AKIA:secret@bucket/x")
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_a_place_nobody_answers_at_is_an_error_of_one_line_without_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("s3fs", reason="the extra [s3] is not installed")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAhidden")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError) as caught:
        Results("s3://nobody/here").leave("word")
    assert "hidden" not in f"{caught.value} {caught.value.hint}"


def test_what_results_are_called_depends_on_links_and_options_alone() -> None:
    entry = Entry((3, 1), "line", "BV1", "a talk", index=7)
    moved = Entry((9, 4), "line", "BV1", "another name", index=2)
    parent = Entry((3,), "list", "https://space", "space")
    assert key_of(entry, [parent], "m") == key_of(moved, [parent], "m")
    assert len({key_of(entry, [parent], "m"), key_of(entry, [parent], "n"), key_of(entry, [], "m")}) == 3
