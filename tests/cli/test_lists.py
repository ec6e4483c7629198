"""Links to lists, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("base_folder")


def test_a_list_says_how_many_items_it_has_and_what_to_do(program: Callable, fault_server: object) -> None:
    done = program("audio", fault_server.url("pages"))  # type: ignore[attr-defined]
    assert done.returncode == 3
    assert "3 items" in done.stderr
    assert "--playlist-items" in done.stderr


def test_the_good_items_of_a_list_are_transcribed_and_the_bad_one_is_told(
    program: Callable, fault_server: object, tmp_path: Path
) -> None:
    link = fault_server.url("pages")  # type: ignore[attr-defined]
    done = program("audio", link, "--yes-playlist", "-f", "txt")
    assert done.returncode == 6, done.stderr
    assert "1 of 3" in done.stderr
    assert "404" in done.stderr
    assert len(list(tmp_path.glob("*.txt"))) == 2


def test_a_choice_of_nothing_is_an_error(program: Callable, fault_server: object) -> None:
    assert program("audio", fault_server.url("pages"), "-I", "50").returncode == 3  # type: ignore[attr-defined]
