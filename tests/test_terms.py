"""One list of terms for hearing and for translating, and names out of a recording's own data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text
from bili2text.seeds import seeded
from bili2text.terms import LONGEST, MOST, ROOM, Term, glossary, hotwords, parsed, read

MIXED = """Source, Target
# names
特斯拉 = Tesla
C# -> C#      # a language
C++
Node.js\tNode.js
马斯克,Elon Musk
"E=mc2"
"Smith, John","约翰·史密斯"
5" disk = 软盘
影视飓风，MediaStorm
no target =
"""


def test_every_spelling_of_a_line_is_read() -> None:
    assert [(term.source, term.target) for term in parsed(MIXED, "terms.txt")] == [
        ("特斯拉", "Tesla"),
        ("C#", "C#"),
        ("C++", None),
        ("Node.js", "Node.js"),
        ("马斯克", "Elon Musk"),
        ("E=mc2", None),
        ("Smith, John", "约翰·史密斯"),
        ('5" disk', "软盘"),
        ("影视飓风", "MediaStorm"),
        ("no target", None),
    ]


def test_of_two_lines_with_one_source_the_later_counts() -> None:
    assert parsed("a = 1\nb\na = 2", "t") == (Term("a", "2"), Term("b"))
    assert glossary(parsed("a = 1\nb\na = 2", "t")) == {"a": "2"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_utf8_file_is_read_without_a_warning(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "terms.txt"
    path.write_bytes("黑神话：悟空 = Black Myth: Wukong\r\n".encode(encoding))
    found = read(path)
    assert found.terms == (Term("黑神话：悟空", "Black Myth: Wukong"),)
    assert not found.warning


def test_a_chinese_file_of_old_is_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_bytes("流浪地球 = The Wandering Earth\n".encode("gb18030"))
    found = read(path)
    assert found.terms == (Term("流浪地球", "The Wandering Earth"),)
    assert "GB18030" in found.warning


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ok\n\n= target", "line 3"),
        ("a, b, c", "line 1"),
        ("a = b = c", "line 1"),
        (f"ok\n{'x' * (LONGEST + 1)}", "line 2"),
        (f"x = {'y' * (LONGEST + 1)}", "line 1"),
    ],
)
def test_a_line_that_is_no_term_is_named(text: str, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        parsed(text, "terms.txt")


def test_limits_hold_for_terms_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_text("\n".join(f"term {n}" for n in range(MOST)), encoding="utf-8")
    assert len(read(path).terms) == MOST
    path.write_text("\n".join(f"term {n}" for n in range(MOST + 1)), encoding="utf-8")
    with pytest.raises(UsageError, match="5,000"):
        read(path)
    path.write_bytes(b"#" * 5_000_000)
    with pytest.raises(UsageError, match="too large"):
        read(path)
    path.write_bytes(b"\xff\xfe\x00\xff")
    with pytest.raises(UsageError, match="UTF-8"):
        read(path)
    with pytest.raises(SourceError, match="the terms in missing"):
        read(tmp_path / "missing.txt")


@given(st.text(max_size=60))
def test_any_text_gives_clean_terms_or_a_usage_error(text: str) -> None:
    try:
        terms = parsed(text, "t")
    except UsageError:
        return
    for term in terms:
        assert term.source == clean_text(term.source) != ""
        assert term.target is None or term.target == clean_text(term.target) != ""


def test_names_come_out_of_title_part_tags_and_uploader() -> None:
    found = seeded(
        "【中字】《流浪地球2》导演郭帆：RTX 4060 跑 DeepSeek-R1 要多久？看https://b23.tv/abc视频",
        "P3 “李焕英”片段 C++ 与 Node.js 🎉🇨🇳 BV1GJ411x7h7",
        "影视飓风👍🏻",
        ["数码", "#AI绘画#", "今天我们来聊一聊这个话题好不好呢", "真的吗？", "www.example.com", "2024"],
    )
    assert [term.source for term in found] == [
        "流浪地球2", "李焕英", "RTX 4060", "DeepSeek-R1", "C++", "Node.js", "数码", "AI绘画", "影视飓风",
    ]  # fmt: skip


def test_an_english_title_gives_only_what_it_quotes() -> None:
    assert seeded('Why "Dune" Was Hard To Film', "", None, ()) == (Term("Dune"),)


@given(
    st.text(max_size=60),
    st.text(max_size=30),
    st.text(max_size=20),
    st.lists(st.text(max_size=20), max_size=4),
)
def test_seeds_of_any_text_are_names_a_list_would_take(
    title: str, part: str, uploader: str, tags: list[str]
) -> None:
    for term in seeded(title, part, uploader, tags):
        assert term.source
        assert term.target is None
        assert len(term.source) <= LONGEST
        assert "://" not in term.source


def test_what_whisper_is_told_fits_its_prompt_whatever_the_script(base_folder: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base_folder / "tokenizer.json"))
    rare = [Term(chr(0x9F00 + n) * 3) for n in range(100)]
    latin = [Term(f"Name{n}") for n in range(100)]
    for terms, language in ((rare, "zh"), (latin, "en")):
        told = hotwords(terms, language)
        assert 150 < len(told.encode("utf-8")) <= ROOM
        assert told.startswith(terms[0].source)
        assert len(tokenizer.encode(f" {told}", add_special_tokens=False).ids) < 223


def test_names_in_a_script_the_language_does_not_use_are_not_told() -> None:
    terms = (Term("特斯拉", "Tesla"), Term("Cybertruck"), Term("cybertruck"))
    assert hotwords(terms, "en") == "Cybertruck"
    assert hotwords(terms, "zh") == "特斯拉，Cybertruck"
    assert hotwords(terms[:1], "en") == ""


def test_a_term_too_long_for_the_room_leaves_the_others() -> None:
    assert hotwords((Term("x" * 30), Term("ab"), Term("cd")), "en", room=6) == "ab, cd"
