"""What is in a journal is what was written: exactly, in order, and never what was not."""

import json
import os
import secrets
import stat
import zlib
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import HEADER, begin, ended, needs_fork, record, written

from bili2text.errors import StorageError
from bili2text.jobs.journal import NAME, Journal
from bili2text.jobs.lines import LIMIT, line, record_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=6)
EXACT = {
    "floats": [0.1, 1e-320, -0.0, 1.7976931348623157e308, 2.0],
    "lone": "\ud800 and \udfff",
    "odd": "\u2028\n\x00\x1b中",
    "z": 1,
    "a": [None, True, 10**30],
}


def text(records: object) -> str:
    """JSON that tells -0.0 from 0.0, 2 from 2.0, and one order of keys from another."""
    return json.dumps(records)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS)
def test_every_record_comes_back_as_it_was(tmp_path: Path, records: list) -> None:
    folder = tmp_path / secrets.token_hex(8)
    with Journal.open(folder, HEADER) as journal:
        for one in (*records, EXACT):
            journal.append(one)
    with Journal.open(folder, HEADER) as journal:
        assert text(journal.records) == text([*records, EXACT])
        assert journal.discarded == ""


def test_the_header_counts_by_its_values_not_by_how_they_are_spelled(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "a", {"x": (1, 2), "y": MappingProxyType({"b": 1.5, "a": None})}) as journal:
        journal.append({"group": 0})
    with Journal.open(tmp_path / "a", {"y": {"a": None, "b": 1.5}, "x": [1, 2]}) as journal:
        assert journal.records == ({"group": 0},)


def test_a_journal_of_another_job_is_set_aside_untouched(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "a", HEADER) as journal:
        journal.append(record(0))
    before = written(tmp_path / "a")
    with Journal.open(tmp_path / "a", {**HEADER, "model": "other"}) as journal:
        assert journal.records == ()
        assert "set aside" in journal.discarded
        journal.append(record(1))
    broken = [path for path in (tmp_path / "a").iterdir() if path.name.startswith("journal.broken-")]
    assert [path.read_bytes() for path in broken] == [before]
    with Journal.open(tmp_path / "a", {**HEADER, "model": "other"}) as journal:
        assert journal.records == (record(1),)


def damaged(data: st.DataObject, lines: list[bytes]) -> bytes:
    whole = b"".join(lines)
    at = st.integers(0, len(whole) - 1)
    place = st.integers(0, len(lines) - 1)
    kind = data.draw(
        st.sampled_from(["torn", "flip", "doubled", "missing", "swapped", "junk", "zeros", "tail twice"])
    )
    if kind == "torn":
        return whole[: data.draw(at)]
    if kind == "flip":
        where = data.draw(at)
        return whole[:where] + bytes([whole[where] ^ 1 << data.draw(st.integers(0, 7))]) + whole[where + 1 :]
    if kind == "junk":
        where = data.draw(at)
        return whole[:where] + data.draw(st.binary(min_size=1, max_size=40)) + whole[where:]
    if kind == "zeros":  # what a file system may show after a loss of power
        where = data.draw(at)
        return whole[:where] + bytes(len(whole) - where)
    if kind == "tail twice":
        return whole + whole[data.draw(at) :]
    first, second = data.draw(place), data.draw(place)
    if kind == "doubled":
        return b"".join([*lines[: first + 1], lines[first], *lines[first + 1 :]])
    if kind == "missing":
        return b"".join([*lines[:first], *lines[first + 1 :]])
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), records=RECORDS.filter(len))
def test_of_a_damaged_journal_what_is_read_was_written_and_comes_first(
    tmp_path: Path, data: st.DataObject, records: list
) -> None:
    folder = tmp_path / secrets.token_hex(8)
    folder.mkdir()
    lines = [line(number, one) for number, one in enumerate([HEADER, *records])]
    bad = damaged(data, lines.copy())
    (folder / NAME).write_bytes(bad)
    with Journal.open(folder, HEADER) as journal:
        count = len(journal.records)
        same = len(os.path.commonprefix([b"".join(lines), bad]))  # noqa: RUF071 - bytes, no paths
        assert count == sum(len(b"".join(lines[: n + 2])) <= same for n in range(len(records)))
        assert text(journal.records) == text(records[:count])
        assert written(folder) == b"".join(lines[: count + 1])
        assert (not journal.discarded) == (written(folder) == bad or not bad)
        journal.append({"next": count})
    with Journal.open(folder, HEADER) as journal:
        assert journal.records[-1] == {"next": count}
        assert len(journal.records) == count + 1
        assert journal.discarded == ""


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=300))
def test_no_bytes_at_all_make_opening_fail(tmp_path: Path, raw: bytes) -> None:
    folder = tmp_path / secrets.token_hex(8)
    folder.mkdir()
    (folder / NAME).write_bytes(raw)
    with Journal.open(folder, HEADER) as journal:
        assert journal.records == ()
    assert written(folder) == line(0, HEADER)


@pytest.mark.parametrize(
    "body", [b'{"n":1,"record":{"a":NaN}}', b'{"n":1,"record":[]}', b'{"n":true,"record":{}}', b"[" * 99_999]
)
def test_a_right_checksum_alone_makes_no_record(body: bytes) -> None:
    assert record_of(b"%08x %s\n" % (zlib.crc32(body), body), 1) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), {1, 2}, b"bytes", "x" * LIMIT])
def test_what_json_cannot_hold_is_refused_before_a_byte_is_written(tmp_path: Path, value: object) -> None:
    with Journal.open(tmp_path / "a", HEADER) as journal:
        before = written(tmp_path / "a")
        with pytest.raises((ValueError, TypeError)):
            journal.append({"value": [value]})  # type: ignore[dict-item, list-item]
        assert written(tmp_path / "a") == before
        journal.append({"value": 1})
    with Journal.open(tmp_path / "a", HEADER) as journal:
        assert journal.records == ({"value": 1},)


def test_the_folder_and_the_journal_are_the_users_alone(tmp_path: Path) -> None:
    Journal.open(tmp_path / "jobs" / "a", HEADER).close()
    if os.name == "posix":
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "jobs", tmp_path / "jobs" / "a")]
        assert modes == [0o700, 0o700]
        assert stat.S_IMODE((tmp_path / "jobs" / "a" / NAME).stat().st_mode) == 0o600


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "a", HEADER)
    journal.close()
    journal.close()
    with pytest.raises(ValueError, match="closed"):
        journal.append({})


def test_what_stands_in_the_journals_place_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    for name, put in (
        ("link", lambda path: path.symlink_to(other)),
        ("dangling", lambda path: path.symlink_to(tmp_path / "nowhere")),
        ("folder", lambda path: path.mkdir()),
        ("pipe", lambda path: os.mkfifo(path)),
    ):
        (tmp_path / name).mkdir()
        put(tmp_path / name / NAME)
        with pytest.raises(StorageError, match="not a plain file"):
            Journal.open(tmp_path / name, HEADER)
    assert other.read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


@needs_fork
def test_many_records_are_read_in_bounded_memory(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    with (folder / NAME).open("wb") as file:
        file.write(line(0, HEADER))
        for number in range(1, 50_001):
            file.write(line(number, {"group": number, "text": "字" * 40, "at": number / 7}))

    def read() -> None:
        import resource

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with Journal.open(folder, HEADER) as journal:
            assert len(journal.records) == 50_000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # KiB

    assert ended(begin(read)) == 0


@needs_fork
def test_a_gigabyte_without_a_line_end_is_not_read_into_memory(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with (tmp_path / "a" / NAME).open("wb") as file:
        file.truncate(1 << 30)

    def read() -> None:
        import resource

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        Journal.open(tmp_path / "a", HEADER).close()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB

    assert ended(begin(read)) == 0
    assert written(tmp_path / "a") == line(0, HEADER)
