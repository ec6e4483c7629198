"""The manifest: what was written is there, what was not is told, and nobody else's is taken for ours."""

import json
import zlib

import pytest

from bili2text.errors import StorageError, UsageError
from bili2text.jobs.journal import NAME
from bili2text.jobs.lines import line
from bili2text.lists.manifest import Manifest, look
from bili2text.lists.records import HEADER
from bili2text.lists.shelf import Shelf, default_name
from bili2text.lists.values import Asked


@pytest.fixture
def folder(tmp_path):
    """A list of three, one of them a list of two that are done."""
    folder = tmp_path / "lists" / "mine"
    with Manifest.open(folder) as manifest:
        manifest.ask(Asked("mark", ("batch", "a"), "/", at="2026-01-01T00:00:00+00:00"))
        for link in ("a", "b", "c"):
            manifest.add((), "source", link, link)
        for index, link in enumerate(("x", "y"), 1):
            manifest.add((2,), "line", link, f"线 {link}", index=index, address=f"https://{link}")
        manifest.change((2,), kind="list", state="done")
        manifest.change((2, 1), state="done", paths=("/x.txt",), seconds=1.5)
        manifest.change((2, 2), state="done", paths=("/y.txt",))
    return folder


def states(folder):
    return [(entry.place, entry.state) for entry in look(folder)[1]]


WHOLE = [((1,), "waiting"), ((2,), "done"), ((2, 1), "done"), ((2, 2), "done"), ((3,), "waiting")]


def test_what_was_written_is_read_again_and_what_a_list_holds_comes_after_it(folder):
    asked, entries = look(folder)
    assert states(folder) == WHOLE
    assert (asked.command, entries[2].name, entries[2].paths) == (("batch", "a"), "线 x", ("/x.txt",))
    with Manifest.open(folder) as manifest:
        assert manifest.entries == entries
        assert manifest.add((2,), "line", "y", "again").place == (2, 2)
        assert manifest.add((2,), "line", "z", "new").place == (2, 3)


def test_one_process_has_it_and_another_is_told(folder):
    with Manifest.open(folder), pytest.raises(UsageError, match="another process"):
        Manifest.open(folder)
    with Manifest.open(folder):
        pass


def test_a_torn_end_costs_the_last_record_alone_at_every_byte(folder):
    whole = (folder / NAME).read_bytes()
    last = whole[:-1].rfind(b"\n") + 1
    for end in range(last, len(whole)):
        (folder / NAME).write_bytes(whole[:end])
        assert states(folder) == [*WHOLE[:3], ((2, 2), "waiting"), WHOLE[4]]
    with Manifest.open(folder) as manifest:
        assert (manifest.discarded != "") == (end > last)
        manifest.change((2, 2), state="done", paths=("/y.txt",))
    assert states(folder) == WHOLE


def test_an_edited_line_and_all_behind_it_count_no_more(folder):
    lines = (folder / NAME).read_bytes().splitlines(keepends=True)
    lines[-2] = lines[-2].replace(b'"done"', b'"failed"')
    (folder / NAME).write_bytes(b"".join(lines))
    with Manifest.open(folder) as manifest:
        assert "damaged" in manifest.discarded
        assert [one.state for one in manifest.entries][2:4] == ["waiting", "waiting"]


@pytest.mark.parametrize(
    "foreign",
    [b"", b"\0" * 100, b"#!/bin/sh\n", line(0, {"kind": "header"}), b'{"state": "done"}\n'],
)
def test_what_is_no_list_of_ours_is_none_and_a_new_one_can_be_begun(foreign, folder):
    (folder / NAME).write_bytes(foreign)
    assert look(folder) is None
    with Manifest.open(folder) as manifest:
        assert manifest.entries == ()
        manifest.add((), "source", "a", "a")
    assert states(folder) == [((1,), "waiting")]


GOOD = {
    "what": "entry", "place": [4], "kind": "source", "link": "d", "name": "d", "index": 0, "address": None,
    "state": "waiting", "why": "", "code": 0, "tries": 0, "deaths": 0, "gained": 0, "job": "", "paths": [],
    "seconds": 0.0, "language": "",
}  # fmt: skip


def forged(folder, record):
    """Append a record with a right sum and number, as only a person with a purpose would."""
    raw = (folder / NAME).read_bytes()
    body = json.dumps({"n": raw.count(b"\n"), "record": record}).encode()
    (folder / NAME).write_bytes(raw + b"%08x %s\n" % (zlib.crc32(body), body))


@pytest.mark.parametrize(
    "record", [GOOD, {name: GOOD[name] for name in ("what", "place", "kind", "link", "name")}]
)
def test_a_record_with_a_right_sum_is_taken_if_it_makes_sense_or_lacks_what_is_new(record, folder):
    forged(folder, record)
    assert states(folder) == [*WHOLE, ((4,), "waiting")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": []}, {"place": [0]}, {"place": ["1"]}, {"place": [True]}, {"place": 4}, {"state": "gone"},
        {"kind": "folder"}, {"link": 1}, {"code": -1}, {"tries": 1.5}, {"seconds": "long"}, {"paths": "p"},
        {"paths": [1]}, {"address": 7}, {"more": 1}, {"what": "change", "now": {"link": "evil"}},
        {"what": "change", "place": [9], "now": {"state": "done"}}, {"what": "asked"}, {"what": None},
    ],
)  # fmt: skip
def test_a_record_that_makes_no_sense_is_an_error_that_says_what_to_do(wrong, folder):
    forged(folder, {**GOOD, **wrong})
    for opening in (look, Manifest.open):
        with pytest.raises(StorageError, match="did not write") as caught:
            opening(folder)
        assert "remove" in caught.value.hint
    (known,) = Shelf(folder.parent.parent).all()
    assert "did not write" in known.fault
    assert HEADER["what"] == "list"


def test_names_are_the_same_for_the_same_list_and_lead_nowhere_else(tmp_path):
    links = ["https://u:p@example.org/list/好的?token=secret", "b"]
    name = default_name(links, "mark")
    assert name == default_name(links, "mark") != default_name(links, "other")
    assert name.startswith("好的-")
    assert "secret" not in name
    assert Shelf(tmp_path).folder(name).parent == tmp_path / "lists"
    for bad in ("", "..", "a/b", "../x", ".hidden", "x" * 300, "con"):
        with pytest.raises(UsageError):
            Shelf(tmp_path).folder(bad)
