"""Files beside each other: all of them or none, in their folder, never over another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bili2text.errors import StorageError, UsageError
from bili2text.segments import Segment, Transcript
from bili2text.subtitles.save import FILE_BYTES, all_there, formats_of, refuse_targets, save, targets
from bili2text.subtitles.shape import Shape
from bili2text.subtitles.writers import WRITERS, Document, document

ALL = tuple(WRITERS)


@pytest.fixture
def content() -> Document:
    return document(Transcript((Segment(0, 2, "你好，世界。"),), "zh", 1.0, 2.0), Shape(), title="title")


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("all", ALL),
        ("srt", ("srt",)),
        ("srt,vtt", ("srt", "vtt")),
        (" VTT  srt,vtt ", ("vtt", "srt")),
        (".json", ("json",)),
        ("srt, all", ALL),
    ],
)
def test_formats_are_named_as_people_name_them(text: str, formats: tuple[str, ...]) -> None:
    assert formats_of(text) == formats


@pytest.mark.parametrize("text", ["docx", "srt,doc", "", " , ", "srt;vtt"])
def test_a_format_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        formats_of(text)
    assert "srt" in caught.value.hint


def test_every_format_is_there_and_nothing_else(content: Document, tmp_path: Path) -> None:
    paths = save(content, tmp_path / "new", "BV1xx_讲座", ALL, overwrite=False)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in paths)
    assert (tmp_path / "new" / "BV1xx_讲座.txt").read_bytes() == "你好，世界。\n".encode()
    assert all_there(paths)


@pytest.mark.parametrize(
    "stem", ["../up", "..", "/etc/x", "CON", "中" * 300, "😀" * 300, "", "a\0b", "\ud800"]
)
def test_no_stem_leaves_the_folder_or_is_too_long(stem: str, content: Document, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for path in save(content, folder, stem, ALL, overwrite=False):
        assert path.resolve().parent == folder.resolve()
        assert len(path.name.encode()) <= FILE_BYTES


def test_one_file_in_the_way_stops_all_before_any_is_written(content: Document, tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text("mine")
    paths = targets(tmp_path, "a", ("srt", "vtt"))
    assert not all_there(paths)
    with pytest.raises(StorageError, match="already there"):
        refuse_targets(paths, overwrite=False)
    with pytest.raises(StorageError, match="already there"):
        save(content, tmp_path, "a", ("srt", "vtt"), overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.vtt"]
    save(content, tmp_path, "a", ("srt", "vtt"), overwrite=True)
    assert "mine" not in (tmp_path / "a.vtt").read_text("utf-8")


def test_asking_first_writes_nothing(tmp_path: Path) -> None:
    refuse_targets(targets(tmp_path / "deep" / "er", "a", ALL), overwrite=False)
    assert list((tmp_path / "deep" / "er").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="links are POSIX")
def test_a_link_in_the_way_is_refused_even_when_overwriting(content: Document, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "a.srt").symlink_to(tmp_path / "precious")
    with pytest.raises(StorageError, match="not a plain file"):
        save(content, tmp_path, "a", ("vtt", "srt"), overwrite=True)
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "a.vtt").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_fills_up_keeps_the_old_files_and_no_new_one(content: Document, tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        save(content, tmp_path, "a", ("srt",), overwrite=False)
        before = (tmp_path / "a.srt").read_bytes()
        long = tuple(Segment(index, index + 1, f"sentence number {index}.") for index in range(400))
        big = document(Transcript(long, "en", 1.0, 400.0), Shape())
        with pytest.raises(StorageError, match="disk is full"):
            save(big, tmp_path, "a", ("srt", "txt", "json"), overwrite=True)
        assert [path.name for path in tmp_path.iterdir()] == ["a.srt"]
        assert (tmp_path / "a.srt").read_bytes() == before
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
def test_a_file_that_may_not_grow_leaves_none_of_its_neighbours(tmp_path: Path) -> None:
    script = (
        "import resource; from pathlib import Path\n"
        "from bili2text.errors import StorageError\n"
        "from bili2text.segments import Segment, Transcript\n"
        "from bili2text.subtitles.save import save\n"
        "from bili2text.subtitles.shape import Shape\n"
        "from bili2text.subtitles.writers import document\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "content = document(Transcript((Segment(0, 30, 'Words. ' * 60),), 'en', 1.0, 30.0), Shape())\n"
        "try: save(content, Path('.'), 'a', ('txt', 'srt', 'json'), overwrite=False)\n"
        "except StorageError as error: print(error.message)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout == "the disk is full: a.json\n", done.stderr
    assert list(tmp_path.iterdir()) == []
