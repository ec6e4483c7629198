"""Names that stay in their folder, and files that appear whole or not at all."""

import os
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text import files
from bili2text.errors import StorageError
from bili2text.files import (
    clean_text,
    cut_bytes,
    prove_writable,
    refuse_target,
    safe_name,
    whole,
    write_whole,
)

ANY_TEXT = st.text(st.characters(), max_size=60)  # every code point there is, lone surrogates among them
TRICKY = st.text(st.sampled_from(' .-~_/\\:*?"<>|\0\n\u200d\u200c\u202e\u0301e👩中cCoOnN1²'), max_size=30)
HOSTILE_NAMES = [
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "..\\..\\Windows",
    'a/b\\c:d*e?f"g<h>i|j',
    "\0nul\0",
    "CON",
    "NUL.txt",
    "aux",
    "com¹.srt",
    "-rf",
    "~root",
    ".bashrc",
    "😀" * 300,
    "中" * 300,
    "x\x9b31mred\x1b[0m\x07",
    "\u202egnp.exe\u2066",
    "zero\u200bwidth\ufeff",
    "lone \ud800 surrogate",
    "line\nbreak\u2028and\u2029tab\t",
    "trailing dots. . . ",
]


@pytest.mark.parametrize("title", HOSTILE_NAMES)
def test_a_hostile_title_becomes_a_file_in_its_folder(title: str, tmp_path: Path) -> None:
    path = tmp_path / f"{safe_name(title)}.txt"
    write_whole(path, "x", overwrite=False)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.resolve().parent == tmp_path.resolve()


@given(ANY_TEXT | TRICKY, st.integers(16, 130))
def test_every_name_is_safe_and_naming_it_again_changes_nothing(title: str, limit: int) -> None:
    name = safe_name(title, limit=limit)
    assert 0 < len(name.encode("utf-8")) <= limit
    assert not set(name) & set('<>:"/\\|?*\0')
    assert name not in (".", "..")
    assert name[0] not in " .-~"
    assert name[-1] not in " ."
    assert name.split(".")[0].rstrip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9", "com²"}
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Co") for letter in name)
    assert safe_name(name, limit=limit) == name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("【4K】你好/世界：第1集", "【4K】你好_世界：第1集"),
        ("  A  title  ", "A title"),
        ("-.-x", "x"),
        ("con.", "_con"),
        ("con\u200d", "_con"),
        ("...", "untitled"),
        ("\u200d\u3164", "untitled"),
        ("👩\u200d👧 family", "👩\u200d👧 family"),
        ("cafe\u200b\u0301", "café"),
    ],
)
def test_a_name_keeps_what_it_can(title: str, name: str) -> None:
    assert safe_name(title) == name


def test_a_name_is_cut_between_characters_a_reader_sees() -> None:
    assert cut_bytes("ab👩\u200d👧", 12) == "ab"
    assert cut_bytes("ae\u0301", 2) == "a"
    assert cut_bytes("e" + "\u0301" * 50, 5) == "e\u0301\u0301"


def test_a_name_cut_down_to_a_device_is_no_device() -> None:
    assert safe_name("conduct", limit=3) == "_co"


@given(ANY_TEXT)
def test_clean_text_is_one_visible_line(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert len(cleaned.splitlines()) <= 1
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Co", "Zl", "Zp") for letter in cleaned)
    assert not any(
        unicodedata.bidirectional(letter) in ("RLO", "LRO", "RLI", "LRI", "PDF") for letter in cleaned
    )


def test_clean_text_keeps_characters_newer_than_this_python() -> None:
    newest = chr(0x1FADF)  # a block of emoji that fills up year by year
    assert clean_text(f"a{newest}b") == f"a{newest}b"
    assert clean_text("a\ufffe\U000e0041b") == "ab"


def test_nothing_but_the_file_remains(tmp_path: Path) -> None:
    with whole(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("done")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> NoReturn:
        with whole(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_connection_is_not_called_a_broken_disk(tmp_path: Path) -> None:
    def fail() -> NoReturn:
        with whole(tmp_path / "a"):
            raise ConnectionResetError(104, "reset by peer")

    with pytest.raises(ConnectionResetError):
        fail()


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "old", overwrite=False)
    with pytest.raises(StorageError, match="already there") as caught:
        write_whole(path, "new", overwrite=False)
    assert "--overwrite" in caught.value.hint
    assert path.read_text() == "old"
    write_whole(path, "new", overwrite=True)
    assert path.read_text() == "new"


def test_a_file_that_appears_while_ours_is_written_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def race() -> None:
        with whole(path, replace=False) as temporary:
            temporary.write_text("ours")
            path.write_text("theirs")

    with pytest.raises(StorageError, match="already there"):
        race()
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_writers_at_once_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    outcomes = []

    def write(text: str) -> None:
        try:
            write_whole(path, text, overwrite=False)
            outcomes.append(text)
        except StorageError:
            pass

    threads = [threading.Thread(target=write, args=(str(number) * 1000,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_text()] == outcomes
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="links and modes are POSIX")
def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    for target in (elsewhere, tmp_path / "missing"):
        link = tmp_path / "link"
        link.symlink_to(target)
        with pytest.raises(StorageError, match="not a plain file"):
            write_whole(link, "x", overwrite=True)
        link.unlink()
    assert elsewhere.read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="links and modes are POSIX")
def test_a_folder_a_pipe_and_a_device_are_no_targets(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(StorageError, match="not a plain file"):
            refuse_target(target, overwrite=True)


@pytest.mark.skipif(os.name == "nt", reason="links and modes are POSIX")
def test_the_users_mask_holds_in_every_thread(tmp_path: Path) -> None:
    script = (
        "import os, threading; from pathlib import Path; from bili2text.files import write_whole\n"
        "os.umask(0o077)\n"
        "def work(n):\n"
        "    for i in range(40):\n"
        "        write_whole(Path(f'{n}-{i}'), 'x', overwrite=True)\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print({oct(os.stat(name).st_mode & 0o777) for name in os.listdir()})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=_environment(), capture_output=True, text=True
    )
    assert done.stdout.strip() == "{'0o600'}", done.stderr


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot write"):
        write_whole(tmp_path / "file" / "a.txt", "x", overwrite=False)
    with pytest.raises(StorageError, match="cannot write"):
        prove_writable(tmp_path / "file" / "folder")


def test_a_folder_that_takes_files_is_left_empty(tmp_path: Path) -> None:
    prove_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    script = (
        "import resource; from pathlib import Path; from bili2text.files import write_whole\n"
        "from bili2text.errors import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_whole(Path('a.txt'), 'x' * 5000, overwrite=True)\n"
        "except StorageError as error: print(error.message)\n"
    )
    (tmp_path / "a.txt").write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=_environment(), capture_output=True, text=True
    )
    assert done.stdout == "the disk is full: a.txt\n", done.stderr
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_kill_in_mid_write_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from bili2text.files import write_whole\n"
        "print('go', flush=True)\n"
        "while True:\n"
        "    for letter in 'ab': write_whole(Path('a.txt'), letter * 200_000, overwrite=True)\n"
    )
    for attempt in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", script], cwd=tmp_path, env=_environment(), stdout=subprocess.PIPE
        )
        child.stdout.readline()
        time.sleep(0.02 + 0.013 * attempt)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        if (tmp_path / "a.txt").exists():
            text = (tmp_path / "a.txt").read_text()
            assert text in ("a" * 200_000, "b" * 200_000)
    leftovers = [path.name for path in tmp_path.iterdir() if path.name != "a.txt"]
    assert all(name.startswith(".") and name.endswith(".part") for name in leftovers)
    prove_writable(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"a.txt"}


def test_only_what_the_dead_of_this_computer_left_half_written_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = files._here()
    kept = [
        f".{here}-{os.getpid()}-0a.part",
        f".00000000-{dead.pid}-0a.part",
        ".0a.part",
        f".{here}-x-0a.part",
    ]
    for name in (*kept, f".{here}-{dead.pid}-0a.part"):
        (tmp_path / name).touch()
    prove_writable(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
