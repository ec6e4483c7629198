"""Pairs out of files as people have them, and one clear line for those that hold none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hsk import pairs

from bili2text.errors import SourceError, UsageError
from bili2text.seq2seq.values import Pair
from bili2text.workshop.data.pairs import Bad, Columns, read

SOME = pairs()[:300]
TSV = "".join(f"{pair.zh}\t{pair.en}\n" for pair in SOME)
TURNED = "".join(f"{pair.en}\t{pair.zh}\n" for pair in SOME)


def _read(path: Path, *columns: str, encoding: str | None = None) -> list[Pair | Bad]:
    return list(read(path, Columns(*columns) if columns else None, encoding))


def _jsonl(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (TSV, ()),
        (TURNED, ()),
        ("zh\ten\n" + TSV, ()),
        ("English\tChinese\n" + TURNED, ()),
        ("id\ta\tb\n" + "".join(f"{n}\t{p.en}\t{p.zh}\n" for n, p in enumerate(SOME)), ("b", "a")),
        (TURNED, ("2", "1")),
        (TSV.replace("\n", "\r\n"), ()),
        (TSV.replace("\n", "\n\n"), ()),
        ("".join(f"{p.zh}\t{p.en}\tCC-BY #{n}\n" for n, p in enumerate(SOME)), ()),
    ],
    ids=[
        "plain",
        "turned",
        "header",
        "header turned",
        "named",
        "numbered",
        "crlf",
        "blank lines",
        "third column",
    ],
)
def test_tsv(text: str, columns: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(text.encode("utf-8"))
    assert _read(path, *columns) == SOME


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([{"zh": p.zh, "en": p.en, "id": 1} for p in SOME], ()),
        ([{"translation": {"en": p.en, "zh": p.zh}} for p in SOME], ()),
        ([{"source": p.zh, "target": p.en, "source_lang": "zh", "target_lang": "en"} for p in SOME], ()),
        ([{"source": p.en, "target": p.zh, "source_language": "eng_Latn"} for p in SOME], ()),
        ([{"src": p.en, "tgt": p.zh} for p in SOME], ()),
        ([{"chinese": p.zh, "english": p.en} for p in SOME], ()),
        ([{"原文": p.zh, "译文": p.en} for p in SOME], ("原文", "译文")),
    ],
)
def test_jsonl_and_parquet(rows: list[dict[str, Any]], columns: tuple[str, ...], tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "pairs.jsonl").write_text(_jsonl(rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "pairs.parquet")
    assert _read(tmp_path / "pairs.jsonl", *columns) == SOME
    assert _read(tmp_path / "pairs.parquet", *columns) == SOME


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_an_encoding_that_a_file_tells_is_believed_packed_or_not(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(TSV.encode(encoding))
    (tmp_path / "a.jsonl.gz").write_bytes(
        gzip.compress(_jsonl([{"zh": p.zh, "en": p.en} for p in SOME]).encode(encoding))
    )
    assert _read(tmp_path / "a.tsv") == SOME
    assert _read(tmp_path / "a.jsonl.gz") == SOME


def test_a_byte_order_mark_is_believed_whatever_is_said_and_names_may_be_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(("zh\ten\n" + TSV).encode("utf-8-sig"))
    for told in ("utf-8", "gb18030", "utf-16"):
        assert _read(tmp_path / "a.tsv", encoding=told) == SOME
    (tmp_path / "A.TSV.GZ").write_bytes(gzip.compress(TSV.encode("utf-8")))
    assert _read(tmp_path / "A.TSV.GZ") == SOME


def test_utf_8_is_not_read_as_nonsense_where_another_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(TSV, encoding="utf-8")
    with pytest.raises(SourceError, match="is UTF-8, not gb18030"):
        _read(tmp_path / "a.tsv", encoding="gb18030")
    (tmp_path / "b.tsv").write_bytes("联通\tUnicom\n".encode("gb18030"))  # by chance this is UTF-8, too
    assert _read(tmp_path / "b.tsv", encoding="gb18030") == [Pair("联通", "Unicom")]


def test_gb18030_is_told_and_read_when_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(TSV.encode("gb18030"))
    with pytest.raises(SourceError, match="may be GB18030") as caught:
        _read(path)
    assert "--encoding gb18030" in caught.value.hint
    assert _read(path, encoding="gb18030") == SOME


def test_broken_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = TSV.encode("utf-8").split(b"\n")
    lines[1] = lines[1][:4] + b"\xff\xfe" + lines[1][4:]
    lines[7] = "只有一边".encode()
    lines[9] = "没有\t ".encode()
    path = tmp_path / "a.tsv"
    path.write_bytes(b"\n".join(lines))
    found = _read(path)
    assert [one for one in found if isinstance(one, Bad)] == [
        Bad(f"{path}:2", "broken"), Bad(f"{path}:8", "one-sided"), Bad(f"{path}:10", "one-sided"),
    ]  # fmt: skip
    assert len(found) == 300


def test_json_lines_that_are_none_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        '{"zh": "你好", "en": "Hello"}',
        '{"zh": "你',
        "[1]",
        '{"zh": 3, "en": "Hi"}',
        '{"a": 1}',
        '{"zh": "好"}',
        "[" * 9999,
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    found = _read(path)
    assert found[0] == Pair("你好", "Hello")
    assert [one.reason for one in found if isinstance(one, Bad)] == ["broken"] * 4 + ["one-sided", "broken"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tsv", b"", "is empty"),
        ("a.jsonl", b"\n\n", "is empty"),
        ("a.tsv", "你好\n再见\n".encode(), "no column is English"),
        ("a.tsv", b"Hello\tHi\n", "no column is Chinese"),
        ("a.jsonl", '{"zh": "你好", "en": ""}\n'.encode(), "has only one side"),
        ("a.jsonl", b"{]\n", "a.jsonl:1 cannot be read"),
        ("a.tsv", bytes(range(256)) * 9, "is no text"),
        ("a.tsv", "déjà\tvu\n".encode("latin-1") * 9, "is not UTF-8"),
        ("a.parquet", b"PAR1 and no more", "no whole Parquet"),
        ("a.jsonl.gz", b"not packed", "cannot read"),
        ("a.tsv.gz", gzip.compress(TSV.encode("utf-8"))[:10] + b"\xff" * 200, "cannot read"),
    ],
)  # fmt: skip
def test_a_file_without_pairs_is_one_clear_line(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=said) as caught:
        _read(path)
    assert "\n" not in caught.value.message


def test_what_is_asked_wrongly_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(TSV, encoding="utf-8")
    with pytest.raises(SourceError, match="no file"):
        _read(tmp_path / "b.tsv")
    with pytest.raises(UsageError, match="by its name"):
        _read(tmp_path / "a.docx")
    with pytest.raises(UsageError, match="no columns"):
        _read(tmp_path / "a.tsv", "left", "right")
    for told in ("zh", "zh,", "zh,zh", "a,b,c"):
        with pytest.raises(UsageError, match="--columns"):
            Columns.told(told)
    for told in ("klingon", "base64"):
        with pytest.raises(UsageError, match="encoding"):
            _read(tmp_path / "a.tsv", encoding=told)
