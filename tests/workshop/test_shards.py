"""The coordinator's table: its steps, its file, and what makes no table."""

from __future__ import annotations

from pathlib import Path

import pytest

from bili2text.errors import ModelError
from bili2text.workshop.distillation.shards import STATES, Table, begun, load, save


def test_a_shard_goes_through_its_states_in_order_and_back_only_to_be_labelled_again() -> None:
    allowed = set()
    for before in STATES:
        for after in STATES:
            try:
                Table({}, (before,)).moved(0, after)
            except ValueError:
                continue
            allowed.add((before, after))
    forward = set(zip(STATES[:-1], STATES[1:], strict=True))
    assert allowed == forward | {("labelled", "labelling"), ("training", "labelling")}


def test_a_table_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "shards.json"
    assert load(path) is None
    table = begun({"k": 4, "students": ["tiny"]}, 12).moved(11, "labelling").ended("tiny")
    save(table, path)
    assert load(path) == table
    assert table.differences({"k": 5, "students": ["tiny"], "new": 1}) == ("k", "new")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 1, "asked": {}, "shards": {"0": "lost"}, "stopped": []}',
     '{"version": 1, "asked": {}, "shards": {"1": "waiting"}, "stopped": []}',
     '{"version": 2, "asked": {}, "shards": {}, "stopped": []}'],
)  # fmt: skip
def test_what_is_no_table_is_said_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shards.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="is no table of shards"):
        load(path)
