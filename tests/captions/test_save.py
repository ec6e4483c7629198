"""Translations stand beside each other under their language's name, all of them or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bili2text.captions.save import save, targets
from bili2text.captions.values import Kind
from bili2text.errors import StorageError, UsageError
from bili2text.subtitles.save import FILE_BYTES


def render(kind: Kind) -> str:
    if kind == "lrc":
        raise UsageError("no times")
    return f"as {kind}\n"


def test_a_file_is_named_after_its_source_and_language(tmp_path: Path) -> None:
    paths = save(render, tmp_path / "new", "talk.en", "zh-Hant", ("srt", "json"), overwrite=False)
    assert [path.name for path in paths] == ["talk.en.zh-Hant.srt", "talk.en.zh-Hant.json"]
    assert [path.read_text("utf-8") for path in paths] == ["as srt\n", "as json\n"]


@pytest.mark.parametrize("stem", ["中" * 300, "../up", "CON", "", "a\0b"])
def test_no_stem_leaves_the_folder_or_pushes_the_language_out(stem: str, tmp_path: Path) -> None:
    for path in targets(tmp_path, stem, "zh-Hant", ("srt", "json")):
        assert path.resolve().parent == tmp_path.resolve()
        assert path.stem.endswith(".zh-Hant")
        assert len(path.name.encode()) <= FILE_BYTES


def test_one_file_in_the_way_or_one_that_cannot_be_rendered_stops_all(tmp_path: Path) -> None:
    (tmp_path / "a.zh.vtt").write_text("mine")
    with pytest.raises(StorageError, match="already there"):
        save(render, tmp_path, "a", "zh", ("srt", "vtt"), overwrite=False)
    with pytest.raises(UsageError):
        save(render, tmp_path, "a", "zh", ("srt", "lrc"), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zh.vtt"]
    save(render, tmp_path, "a", "zh", ("srt", "vtt"), overwrite=True)
    assert (tmp_path / "a.zh.vtt").read_text() == "as vtt\n"
