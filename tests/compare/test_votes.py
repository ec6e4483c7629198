"""A vote that was cast is kept, whoever casts others meanwhile; a file from elsewhere gives votes alone."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from contests import at, different

from bili2text.compare.ballot import Vote, ballot
from bili2text.compare.votes import Votes, imported, now, voter_name
from bili2text.errors import SourceError, StorageError, UsageError

KEY = "0123456789abcdef"
SHOWN = ballot(different(4))
CAST = [Vote(number, "left", at(number), "安 Ann") for number in range(3)]


def test_votes_come_back_as_they_were_and_later_sessions_add_theirs(tmp_path: Path) -> None:
    assert Votes(tmp_path, KEY).all().votes == ()
    for one in CAST:
        Votes(tmp_path, KEY).keep([one])
    Votes(tmp_path, KEY).keep([])
    assert Votes(tmp_path, KEY).all().votes == tuple(CAST)
    assert Votes(tmp_path, KEY).all().damaged == 0
    assert Votes(tmp_path, "f" * 16).all().votes == ()
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "compare" / KEY / "votes.jsonl").stat().st_mode) == 0o600


def test_a_file_torn_at_any_byte_loses_the_torn_vote_alone_and_takes_the_next(tmp_path: Path) -> None:
    Votes(tmp_path, KEY).keep(CAST)
    path = tmp_path / "compare" / KEY / "votes.jsonl"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        left = whole[:length].count(b"\n")
        assert Votes(tmp_path, KEY).all().votes == tuple(CAST[:left])
        if length % 10 == 0:
            Votes(tmp_path, KEY).keep(CAST[2:])
            assert Votes(tmp_path, KEY).all() == Votes(tmp_path, KEY).all()
            assert Votes(tmp_path, KEY).all().votes == (*CAST[:left], CAST[2])
            assert Votes(tmp_path, KEY).all().damaged == 0


def test_a_line_that_is_no_vote_is_counted_and_the_others_stand(tmp_path: Path) -> None:
    Votes(tmp_path, KEY).keep(CAST)
    path = tmp_path / "compare" / KEY / "votes.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    bad = [
        b"\xff\xfe\n",
        b"[]\n",
        b'{"number": 1}\n',
        b"[" * 99_999 + b"\n",
        b"\n",
        lines[1].replace(b"left", b"up"),
    ]
    path.write_bytes(b"".join([lines[0], *bad, lines[2]]))
    assert Votes(tmp_path, KEY).all().votes == (CAST[0], CAST[2])
    assert Votes(tmp_path, KEY).all().damaged == len(bad)


def test_voters_at_the_same_moment_lose_none_of_their_votes(tmp_path: Path) -> None:
    def cast(number: int) -> None:
        Votes(tmp_path, KEY).keep([Vote(number, "tie", at(0), f"voter {number % 4}")])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(cast, range(24)))
    assert sorted(vote.number for vote in Votes(tmp_path, KEY).all().votes) == list(range(24))


def test_a_key_that_could_leave_the_folder_and_a_folder_that_cannot_be_made_are_refused(
    tmp_path: Path,
) -> None:
    for key in ("../../etc", "", "ABCDEF0123", "0123"):
        with pytest.raises(ValueError, match="not the key"):
            Votes(tmp_path, key)
    (tmp_path / "compare").write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError):
        Votes(tmp_path, KEY).keep(CAST)


def saved(path: Path, **changes: object) -> Path:
    votes = [{"number": 2, "choice": "right", "when": at(5)}, {"number": 0, "choice": "skip", "when": at(6)}]
    whole = {"kind": "bili2text votes", "key": SHOWN.key, "voter": "Ann", "votes": votes, **changes}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def test_a_file_that_the_page_saved_gives_its_votes(tmp_path: Path) -> None:
    found = imported(saved(tmp_path / "votes.json", extra="left out"), SHOWN)
    assert found == (Vote(2, "right", at(5), "Ann"), Vote(0, "skip", at(6), "Ann"))
    (named,) = imported(saved(tmp_path / "v", voter="\x1b[31m" + "名" * 99, votes=[
        {"number": 1, "choice": "tie", "when": at(1), "x": 1}]), SHOWN)  # fmt: skip
    assert named.voter == voter_name("\x1b[31m" + "名" * 99)
    assert len(named.voter.encode()) <= 60
    assert "\x1b" not in named.voter


def test_votes_on_another_comparison_are_not_taken(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another comparison"):
        imported(saved(tmp_path / "votes.json", key="f" * 32), SHOWN)


VOTE = {"number": 1, "choice": "left", "when": at(1)}
BAD: list[object] = [
    {**VOTE, "number": 99}, {**VOTE, "number": True}, {**VOTE, "number": "1"}, {**VOTE, "number": 1.0},
    {**VOTE, "choice": "up"}, {**VOTE, "choice": ["left"]}, {**VOTE, "choice": None}, {**VOTE, "when": "now"},
    {**VOTE, "when": 5}, {**VOTE, "when": at(1) + "\n"}, {**VOTE, "when": "٢٠٢٦-01-31T12:00:00.000Z"}, {}, None, 7, "x", [],
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_file_with_a_vote_that_makes_no_sense_gives_none(tmp_path: Path, bad: object) -> None:
    with pytest.raises(SourceError, match="vote 2 is none of this ballot"):
        imported(saved(tmp_path / "votes.json", votes=[VOTE, bad]), SHOWN)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        lambda path: path.mkdir(),
        lambda path: path.write_bytes(b"\xff\xfe\x00"),
        lambda path: path.write_bytes(b"[" * 200_000),
        lambda path: path.write_bytes(b" " * (16 * 1024**2 + 1)),
        lambda path: path.write_bytes(b"[]"),
        lambda path: saved(path, kind="something"),
        lambda path: saved(path, votes={"0": "left"}),
        lambda path: saved(path, voter=["Ann"]),
    ],
)  # fmt: skip
def test_what_is_no_file_of_votes_is_an_error_of_one_line(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    path = tmp_path / "votes.json"
    make(path)
    with pytest.raises(SourceError) as caught:
        imported(path, SHOWN)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_times_are_written_so_that_later_is_greater(tmp_path: Path) -> None:
    Votes(tmp_path, KEY).keep([Vote(1, "left", now())])
    assert len(Votes(tmp_path, KEY).all().votes) == 1
    assert "2026" <= now() <= now() < "3"
