"""The file of experience: kept by real processes at once, and harmless whatever is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bili2text.plan import ledger
from bili2text.plan.experience import Experience, Peak, Refused, Site
from bili2text.plan.footprint import Setting

SITE = Site("NVIDIA GeForce RTX 4060", 8188, "570.86", "ctranslate2 4.8.5")
PEAK = Peak(SITE, "large-v3", Setting("float16", 4, encoder_batch=2), 6000)
REFUSED = Refused(SITE, "float16", "gave no text")
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_ledger import PEAK
from bili2text.plan import ledger
for batch in range(int(sys.argv[2]), int(sys.argv[2]) + 15):
    said = ledger.record(Path(sys.argv[1]), peak=replace(PEAK, setting=replace(PEAK.setting, batch_size=batch)))
    assert said == "", said
"""


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "experience.json"
    assert ledger.record(path, peak=PEAK) == ""
    assert (
        ledger.record(path, peak=replace(PEAK, model="中文", mib=7000, out_of_memory=True), refused=REFUSED)
        == ""
    )
    known = ledger.read(path)
    assert known.peaks == (PEAK, replace(PEAK, model="中文", mib=7000, out_of_memory=True))
    assert known.refused == (REFUSED,)


def test_the_file_lies_in_the_cache(tmp_path: Path) -> None:
    assert ledger.ledger_file({"BILI2TEXT_CACHE_DIR": str(tmp_path)}) == tmp_path / "experience.json"


def test_no_file_is_no_experience_and_none_appears(tmp_path: Path) -> None:
    assert ledger.read(tmp_path / "experience.json") == Experience()
    assert list(tmp_path.iterdir()) == []


def test_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "experience.json"
    begun = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(first), str(Path(__file__).parent)])
        for first in (1, 101, 201)
    ]
    assert [process.wait(timeout=60) for process in begun] == [0, 0, 0]
    batches = sorted(peak.setting.batch_size for peak in ledger.read(path).peaks)
    assert batches == [*range(1, 16), *range(101, 116), *range(201, 216)]


def sound() -> dict:
    return json.loads(ledger._text(Experience((PEAK,), (REFUSED,))))


HOSTILE = {
    "torn": lambda text, whole: text[: len(text) // 2],
    "empty": lambda text, whole: "",
    "no object": lambda text, whole: "[1, 2]",
    "another program's": lambda text, whole: '{"name": "x", "dependencies": {}}',
    "a later format": lambda text, whole: json.dumps({**whole, "format": 2}),
    "deeply nested": lambda text, whole: "[" * 100_000,
    "not a number": lambda text, whole: text.replace("6000", "NaN"),
    "negative": lambda text, whole: text.replace("6000", "-1"),
    "a flag for a number": lambda text, whole: text.replace("6000", "true"),
    "more than a card has": lambda text, whole: text.replace("6000", "99999"),
    "a huge number": lambda text, whole: text.replace("6000", "9" * 5000),
    "an unknown precision": lambda text, whole: text.replace('"float16"', '"int4"'),
    "a missing field": lambda text, whole: text.replace('"mib"', '"mb"'),
    "a long name": lambda text, whole: text.replace("large-v3", "x" * 10_000),
    "too large": lambda text, whole: text + " " * (4 * 1024 * 1024),
    "too many": lambda text, whole: json.dumps({**whole, "peaks": whole["peaks"] * 1801}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_we_did_not_write_is_set_aside_and_a_new_one_begun(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "experience.json"
    text = HOSTILE[kind](ledger._text(Experience((PEAK,), (REFUSED,))), sound())
    path.write_text(text, encoding="utf-8")
    assert ledger.read(path) == Experience()
    assert (tmp_path / "experience.json.broken").read_text(encoding="utf-8") == text
    assert ledger.record(path, peak=PEAK) == ""
    assert ledger.read(path).peaks == (PEAK,)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_no_bytes_at_all_make_reading_fail(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "experience.json"
    path.write_bytes(raw)
    assert ledger.read(path) == Experience()


def test_a_reason_with_control_characters_cannot_reach_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "experience.json"
    assert ledger.record(path, refused=replace(REFUSED, why="\x1b[31mred\u202e")) == ""
    assert ledger.read(path).refusals(SITE) == {"float16": "[31mred"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_in_the_files_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "experience.json")
    assert ledger.read(tmp_path / "experience.json") == Experience()
    assert "not a plain file" in ledger.record(tmp_path / "experience.json", peak=PEAK)


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(ledger._text(Experience()), encoding="utf-8")
    (tmp_path / "experience.json").symlink_to(other)
    assert "not a plain file" in ledger.record(tmp_path / "experience.json", peak=PEAK)
    assert ledger.read(other) == Experience()


def test_a_disk_that_takes_nothing_stops_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert ledger.record(tmp_path / "file" / "experience.json", peak=PEAK)
    if sys.platform == "linux":
        assert ledger.record(Path("/proc/experience.json"), peak=PEAK)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "experience.json"
    many = tuple(replace(PEAK, model=f"model {number}") for number in range(1800))
    path.write_text(ledger._text(Experience(many)), encoding="utf-8")
    assert ledger.record(path, peak=PEAK) == ""
    known = ledger.read(path).peaks
    assert (len(known), known[0].model, known[-1]) == (1800, "model 1", PEAK)
