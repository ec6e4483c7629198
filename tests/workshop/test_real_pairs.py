"""Pairs out of packages' catalogues: archives as pip fetches them, made here."""

from __future__ import annotations

import io
import json
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

pytest.importorskip("polib")

import real_pairs  # noqa: E402 - found by the line above

PO = """
msgid "Save the file"
msgstr "保存文件"

msgid "Word"
msgstr "单词"

#, fuzzy
msgid "Not yet checked"
msgstr "尚未检查"

msgid "Nobody did this"
msgstr ""
"""


def test_catalogues_of_wheels_and_of_sources_are_read_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ckan-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("ckan/locale/zh_Hans_CN/LC_MESSAGES/ckan.po", PO)
        wheel.writestr("ckan/locale/zh_Hant_TW/LC_MESSAGES/ckan.po", PO.replace("保存文件", "儲存檔案"))
        wheel.writestr("ckan/zh_CN/broken.mo", b"no catalogue")
        told = {"domain": {"menu\x04Open the\n window": ["打开窗口"], "x": 3}}
        wheel.writestr("ckan/zh-CN.json", json.dumps(told))
    with tarfile.open(tmp_path / "picard-3.0.tar.gz", "w:gz") as source:
        raw = json.dumps([{"translation": {"en": "It is cold."}, "chinese": "天气很冷。"}]).encode()
        member = tarfile.TarInfo("picard/data/sentences.json")
        member.size = len(raw)
        source.addfile(member, io.BytesIO(raw))
    assert sorted(real_pairs.pairs(tmp_path / "ckan-1.0-py3-none-any.whl")) == [
        ("Open the window", "打开窗口"),
        ("Save the file", "保存文件"),
    ]
    assert list(real_pairs.pairs(tmp_path / "picard-3.0.tar.gz")) == [("It is cold.", "天气很冷。")]


def test_an_archive_that_is_cut_short_is_told_and_the_others_are_written_each_pair_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "horizon-1.tar.gz").write_bytes(b"\x1f\x8b and no more")
    for name in ("ckan", "deluge"):
        with zipfile.ZipFile(tmp_path / f"{name}-1.whl", "w") as wheel:
            wheel.writestr("zh_CN/a.po", PO)
    monkeypatch.setattr(real_pairs, "PACKAGES", ("horizon", "ckan", "deluge"))
    real_pairs.write(tmp_path / "pairs.jsonl", tmp_path)
    lines = (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"zh": "保存文件", "en": "Save the file", "from": "ckan-1.whl"}
    ]
    said = capsys.readouterr().err
    assert "horizon-1.tar.gz cannot be read" in said
    assert "deluge-1.whl: 0 pairs, 1 in all" in said
