from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.cluster.dividing import add_divided
from bili2text.cluster.shards import Shard, divided, shard_of
from bili2text.errors import UsageError
from bili2text.lists.manifest import Manifest
from bili2text.progress import Silent
from bili2text.source.media import LinkOptions


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 20), st.randoms())
def test_every_source_is_in_one_part_whatever_the_order(
    links: list[str], count: int, chance: random.Random
) -> None:
    parts = [Shard(index, count) for index in range(1, count + 1)]
    mixed = chance.sample(links, len(links))
    for shard in parts:
        assert {link for link in links if shard.mine(link)} == {link for link in mixed if shard.mine(link)}
    assert all(sum(shard.mine(link) for shard in parts) == 1 for link in links)


def test_parts_are_of_about_one_size_and_stay_what_they_are() -> None:
    links = [f"https://www.bilibili.com/video/BV{number:010d}" for number in range(8000)]
    sizes = [sum(Shard(index, 8).mine(link) for link in links) for index in range(1, 9)]
    assert all(900 <= size <= 1100 for size in sizes)
    # written down, so that a later version cannot divide a list in another way while it is worked at
    assert [link[-4:] for link in links[:40] if Shard(2, 8).mine(link)] == [
        "0001",
        "0008",
        "0016",
        "0022",
        "0027",
    ]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/", "a/b", "1/4/2", "-1/4", "１/４", "1/0", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no part of a list"):
        shard_of(text)


def test_a_part_has_a_list_of_its_own_and_the_names_sort() -> None:
    assert [shard_of(f"{i}/12").name("talks") for i in (2, 12)] == ["talks-02of12", "talks-12of12"]
    assert shard_of("2/12").name("talks-02of12") == "talks-02of12"


def test_a_folder_is_divided_by_its_files(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.wav").write_bytes(b"x")
    parts = [divided([str(tmp_path)], Shard(index, 3)) for index in (1, 2, 3)]
    assert sum(len(part) for part in parts) == 20
    assert set().union(*parts) == {str(path) for path in tmp_path.iterdir()}


def test_a_list_that_stands_alone_is_divided_by_its_lines(fault_server: object, tmp_path: Path) -> None:
    link = fault_server.url("pages")  # type: ignore[attr-defined]  # a page of three recordings
    held = []
    for index in (1, 2):
        with Manifest.open(tmp_path / f"list{index}") as manifest:
            cache = tmp_path / f"cache{index}"
            for _ in range(2):  # a second run adds nothing
                add_divided(manifest, [link], Shard(index, 2), LinkOptions(tries=1), cache, Silent())
            held.append({entry.link for entry in manifest.entries if entry.kind == "line"})
            assert [entry.state for entry in manifest.entries if entry.kind == "list"] == ["done"]
    assert len(held[0] | held[1]) == 3
    assert not held[0] & held[1]
