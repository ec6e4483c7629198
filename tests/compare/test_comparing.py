"""The terminal asks blind, keeps each vote at once, goes on where it stopped, and tells what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from contests import HOSTILE, NAMES, at, contest, different, votes_for

from bili2text.compare.ballot import ballot
from bili2text.compare.tally import summed
from bili2text.compare.values import Contest
from bili2text.compare.votes import Votes
from bili2text.errors import Bili2TextError, StorageError, UsageError
from cli.comparing import Comparing, compare


def run(asked: Contest, cache: Path, keys: str = "", **ways: object) -> Result:
    @click.command()
    def command() -> None:
        compare(asked, cache, Comparing(**{"lines": len(asked.sentences), **ways}))  # type: ignore[arg-type]

    return CliRunner().invoke(command, input=keys)


def test_the_keys_vote_and_the_findings_follow(tmp_path: Path) -> None:
    asked = different(6)
    result = run(asked, tmp_path, "12=s?1x2", ask=True)
    assert result.exit_code == 0, result.output
    assert "6 of 6" in result.stderr
    assert "7 of" not in result.stderr
    assert not any(name in result.stderr for name in NAMES)
    votes = Votes(tmp_path, asked.key).all().votes
    assert [vote.choice for vote in votes] == ["left", "right", "tie", "skip", "left", "right"]
    assert [vote.number for vote in votes] == [pair.number for pair in ballot(asked).pairs]
    assert all(name in result.stdout for name in NAMES)
    assert "votes: 6 of 1 person; ties 1, skipped 1, not voted on 0, said alike by both 0" in result.stdout
    assert "not enough votes to tell" in result.stdout


@pytest.mark.parametrize("end", ["q", ""])
def test_who_stops_keeps_the_votes_and_goes_on_with_the_next_pair(tmp_path: Path, end: str) -> None:
    asked = different(4)
    run(asked, tmp_path, "1" + end, ask=True, voter="Ann")
    again = run(asked, tmp_path, "2b1q", ask=True, voter="Ann")
    assert "2 of 4" in again.stderr
    assert "1 of 4" not in again.stderr
    other = run(asked, tmp_path, "q", ask=True, voter="Bo")
    assert "1 of 4" in other.stderr
    found = summed(ballot(asked), Votes(tmp_path, asked.key).all().votes)
    assert (found.votes, found.unseen, found.voters) == (2, 2, 1)


def test_a_vote_can_be_taken_back(tmp_path: Path) -> None:
    asked = different(3)
    run(asked, tmp_path, "b1bb2q", ask=True)
    found = summed(ballot(asked), Votes(tmp_path, asked.key).all().votes)
    assert found.votes == 1
    assert found.wins == ((1, 0) if ballot(asked).pairs[0].swapped else (0, 1))


def test_without_a_terminal_the_page_is_written_and_its_votes_are_taken_once(tmp_path: Path) -> None:
    asked = different(5)
    result = run(asked, tmp_path)
    assert "no terminal to vote in" in result.stderr
    written = tmp_path / "compare" / asked.key / "page.html"
    assert asked.key in written.read_text(encoding="utf-8")
    votes = [{"number": one.number, "choice": one.choice, "when": at(0)}
             for one in votes_for(ballot(asked), [0, 0, 1, 0, None])]  # fmt: skip
    saved = tmp_path / "votes.json"
    saved.write_text(
        json.dumps({"kind": "bili2text votes", "key": asked.key, "voter": "Ann", "votes": votes}),
        encoding="utf-8",
    )
    for _ in range(2):
        result = run(asked, tmp_path, votes=(saved,), as_json=True)
        found = json.loads(result.stdout)["votes"]
        assert (found["wins"], found["ties"], found["votes"]) == ([3, 1], 1, 5)
    assert len(Votes(tmp_path, asked.key).all().votes) == 5


def test_a_page_of_the_users_own_is_not_replaced_unasked(tmp_path: Path) -> None:
    mine = tmp_path / "mine.html"
    mine.write_text("mine", encoding="utf-8")
    assert isinstance(run(different(2), tmp_path, page=mine).exception, StorageError)
    assert mine.read_text(encoding="utf-8") == "mine"
    assert run(different(2), tmp_path, page=mine, overwrite=True).exit_code == 0
    assert mine.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_file_that_does_not_fit_is_an_error_before_anything_is_asked_or_written(tmp_path: Path) -> None:
    reference = tmp_path / "r.txt"
    reference.write_text("one\n", encoding="utf-8")
    for ways in ({"reference": reference}, {"votes": (reference,)}):
        result = run(different(3), tmp_path / "cache", "111", ask=True, **ways)
        assert isinstance(result.exception, Bili2TextError)
        assert "1 of 3" not in result.stderr
        assert not (tmp_path / "cache").exists()
    assert isinstance(run(different(3), tmp_path, reference=reference).exception, UsageError)


def test_a_reference_gives_scores_with_their_signatures(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu")
    reference = tmp_path / "r.txt"
    reference.write_text("".join(f"one {at}\n" for at in range(40)), encoding="utf-8")
    result = run(different(40), tmp_path, reference=reference)
    assert "chrF2" in result.stdout
    assert "seed:12345" in result.stdout
    assert "40 references" in result.stdout
    found = json.loads(run(different(40), tmp_path, reference=reference, as_json=True).stdout)
    assert found["scores"][0]["scores"][0] > found["scores"][0]["scores"][1]


def test_no_text_of_the_transcript_reaches_the_terminal_as_a_command_to_it(tmp_path: Path) -> None:
    asked = contest(HOSTILE, ["", *HOSTILE[1:3], "x", "y", "z"], HOSTILE, title="\x1b]0;title\x07")
    result = run(asked, tmp_path, "1" * 10, ask=True)
    assert result.exit_code == 0
    assert not set("\x00\x07\u202e\u2028") & set(result.output)
    assert "(no translation)" in result.stderr
    json.dumps(result.stdout).encode("ascii")


def test_sides_that_say_the_same_leave_nothing_to_ask(tmp_path: Path) -> None:
    result = run(contest(["same"], ["same"]), tmp_path, ask=True)
    assert "said alike by both 1" in result.stdout
    assert "no votes that prefer one" in result.stdout
