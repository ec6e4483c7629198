"""The file that runs are remembered in: kept by real processes at once, harmless whatever is in it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bili2text.plan.experience import Site
from bili2text.translators import ledger
from bili2text.translators.learned import Failed, Kind, Learned, Ran

SITE = Site("NVIDIA GeForce RTX 4060", 8188, "570.86", "transformers 5.23.0, torch 2.13.0")
KIND = Kind(SITE, "Qwen3-1.7B", "bfloat16")
RAN = Ran(KIND, 16, 1, 4900)
FAILED = Failed(replace(KIND, precision="float8"), "gave no text")
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_ledger import RAN
from bili2text.translators import ledger
for batch in range(int(sys.argv[2]), int(sys.argv[2]) + 10):
    assert ledger.record(Path(sys.argv[1]), ran=replace(RAN, batch_size=batch)) == ""
"""


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    path = ledger.ledger_file({"BILI2TEXT_CACHE_DIR": str(tmp_path / "new")})
    assert ledger.read(path) == Learned()
    assert ledger.record(path, ran=RAN, failed=FAILED) == ""
    lack = replace(RAN, kind=replace(KIND, model="中文"), out_of_memory=True)
    assert ledger.record(path, ran=lack) == ""
    known = ledger.read(path)
    assert (known.runs, known.failed) == ((RAN, lack), (FAILED,))
    assert known.failures(SITE, "Qwen3-1.7B") == {"float8": "gave no text"}


def test_a_run_just_like_an_older_one_takes_its_place_as_the_newest() -> None:
    known = Learned((RAN, replace(RAN, batch_size=8))).with_run(replace(RAN, mib=5000))
    assert [(one.batch_size, one.mib) for one in known.runs] == [(8, 4900), (16, 5000)]
    again = Learned(failed=(FAILED,)).with_failed(replace(FAILED, why="NaN"))
    assert [one.why for one in again.failed] == ["NaN"]


def test_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path, here = tmp_path / "translators.json", str(Path(__file__).parent)
    begun = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(first), here]) for first in (1, 11, 21)
    ]
    assert [one.wait(timeout=120) for one in begun] == [0, 0, 0]
    assert sorted(one.batch_size for one in ledger.read(path).runs) == list(range(1, 31))


def sound() -> dict[str, object]:
    return json.loads(ledger._text(Learned((RAN,), (FAILED,))))


SPOILED = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "nested": b"[" * 100_000,
    "binary": bytes(range(256)),
    "too long": b" " * (3 << 20),
}
WRONG = [
    ("format", 2), ("runs", None), ("runs", {}), ("runs", [1]), ("failed", [[]]), ("runs", [{}] * 2000),
]  # fmt: skip
INSIDE = [
    ("batch_size", 0), ("batch_size", 1e9), ("batch_size", True), ("mib", -1), ("mib", "5"), ("out_of_memory", 1),
    ("kind", None), ("kind", {}), ("more", 1),
]  # fmt: skip


def spoiled(path: Path) -> bool:
    found = ledger.read(path)
    return found == Learned() and not path.exists() and path.with_name(path.name + ".broken").exists()


@pytest.mark.parametrize("kind", SPOILED)
def test_a_broken_file_is_empty_and_put_aside(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "translators.json"
    path.write_bytes(SPOILED[kind])
    assert spoiled(path)
    assert ledger.record(path, ran=RAN) == ""
    assert ledger.read(path).runs == (RAN,)


@pytest.mark.parametrize(("name", "value"), [*WRONG, *INSIDE])
def test_a_file_we_would_not_have_written_is_not_believed(name: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "translators.json"
    content = sound()
    if (name, value) in WRONG:
        content[name] = value
    else:
        content["runs"][0][name] = value  # type: ignore[index]
    path.write_text(json.dumps(content))
    assert spoiled(path)


def test_an_unknown_precision_and_a_long_reason_are_not_believed(tmp_path: Path) -> None:
    for spoil in (replace(KIND, precision="int3"), replace(KIND, model="x" * 400)):
        path = tmp_path / "translators.json"
        path.write_text(ledger._text(Learned((replace(RAN, kind=spoil),))))
        assert spoiled(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 700), byte=st.integers(0, 255))
def test_one_wrong_byte_raises_nothing(at: int, byte: int, tmp_path: Path) -> None:
    path = tmp_path / "translators.json"
    raw = bytearray(ledger._text(Learned((RAN,), (FAILED,))).encode())
    raw[at % len(raw)] = byte
    path.write_bytes(raw)
    assert len(ledger.read(path).runs) <= 1


def test_it_does_not_grow_without_end_and_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "translators.json"
    path.write_text(ledger._text(Learned(tuple(replace(RAN, mib=one) for one in range(1, 901)))))
    assert ledger.record(path, ran=replace(RAN, batch_size=1)) == ""
    known = ledger.read(path)
    assert len(known.runs) <= 900
    assert known.runs[-1].batch_size == 1
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert ledger.record(blocked / "translators.json", ran=RAN) != ""
