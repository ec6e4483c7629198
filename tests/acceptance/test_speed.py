"""The race with faster-whisper on the CPU, both sides real; the card alone is a stand-in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from acceptance import ours_child, peer_child, speed, verdicts
from acceptance.bench import Bench, Models
from acceptance.children import Kept
from acceptance.report import gpu_table
from acceptance.report_speed import speed_table
from acceptance.values import Check, Deadline, Found, Row, Task
from acceptance.verdicts import Lap, Race, floors, judged

from bili2text.audio.decode import Decoder
from bili2text.gpu.allocator import CT2_BINS
from bili2text.models.store import Places
from bili2text.plan.footprint import Setting
from bili2text.transcribe.ct2 import Ct2Engine
from bili2text.transcribe.engine import Load, Window


def split(found: list[Found]) -> tuple[list[Check], list[dict[str, object]]]:
    checks = [one for one in found if isinstance(one, Check)]
    return checks, [one.values for one in found if isinstance(one, Row)]


def race(ours: float, theirs: float, rounds: int = 3, windows: int = 16, model: str = "tiny") -> Race:
    """Both sides at so many seconds a lap through 400 seconds of sound."""
    mine, other = Lap(ours, 400.0, windows), Lap(theirs, 400.0, windows)
    return Race(model, "float16, batch 8", 8, 0, (mine,) * rounds, (other,) * rounds)


def test_real_weights_are_timed_as_the_programs_are_used(bench: Bench) -> None:
    old = replace(bench, device=replace(bench.device, capability=(6, 0)))  # float32 is its one precision
    checks, (about, row) = split(
        [*speed.speed(old, Deadline(150), models=("tiny.en",), batches=(1,), windows=2)]
    )
    assert about["rounds"] == row["rounds"] == verdicts.ROUNDS
    assert row["wrong"] == row["uneven"] == ""
    assert (row["weights"], row["forced_tokens"], row["loaded_in_turn"]) == ("real", None, False)
    assert min(row["ours_words"], row["theirs_words"]) > 60  # type: ignore[type-var]
    assert row["ratio"] == pytest.approx(row["ours_speed"] / row["theirs_speed"], rel=0.01)  # type: ignore[operator]
    assert [one.held for one in checks if "the guide's" in one.what] == [None] * 4
    assert all(one.held is not None for one in checks if one.what.startswith("tiny.en"))


def test_random_weights_decode_as_many_tokens_in_the_same_windows_on_both_sides(
    bench: Bench, shared_cache: Path, tmp_path: Path
) -> None:
    old = replace(bench.device, capability=(6, 0))  # float32 is its one precision
    small = replace(
        bench,
        device=old,
        free_now=lambda: 900,
        models=Models(Places(shared_cache, None, {}), tmp_path / "models"),
    )
    racing = speed.speed(small, Deadline(150), models=("tiny",), batches=(1,), rounds=1, windows=2)
    checks, (_, row) = split([*racing])
    assert (row["wrong"], row["uneven"]) == ("", "")
    assert (row["weights"], row["forced_tokens"], row["rounds"]) == ("random", speed.TOKENS, 1)
    assert row["loaded_in_turn"]  # there is no room for both at once
    assert [one.held for one in checks] == [None] * 6  # one round shows nothing


def test_a_text_that_is_forced_has_just_so_many_tokens_and_is_decoded_once(
    tiny_en_folder: Path, samples: Path
) -> None:
    task = Task(str(tiny_en_folder), "", Setting("int8", 1, beam_size=2), device="cpu", tokens=30)
    options = replace(ours_child.once(task).options, beam_size=2)
    engine = Ct2Engine(Load(tiny_en_folder, "cpu", 0, "int8", 1), options)
    asked: list[int] = []
    generate = engine._whisper.model.generate

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(model, name)

        def generate(self, *given: object, **more: object) -> object:
            results = generate(*given, **more)
            asked.extend(len(one.sequences_ids[0]) for one in results)
            return results

    model = engine._whisper.model
    engine._whisper.model = Counting()
    with Decoder(samples / "en" / "counting.wav") as decoder:
        sounds = tuple(Window(block.samples, "en") for block in decoder.blocks())[:1]
    (decoded,) = engine.decode(sounds)
    assert asked == [30]
    assert decoded.resume is None  # nothing of it is heard again


def test_what_does_not_fit_is_told_and_what_there_is_no_time_for_is_not_begun(bench: Bench) -> None:
    full = replace(bench, free_now=lambda: 300)
    checks, rows = split([*speed.speed(full, Deadline(60), models=("tiny.en",), batches=(8,))])
    assert all("there is room for 44" in str(row["skipped"]) for row in rows[1:])
    assert {one.held for one in checks} == {None}
    late = speed.speed(bench, Deadline(0), models=("tiny.en",))
    assert [type(one) for one in (next(late) for _ in range(5))] == [Row, Check, Check, Check, Check]


def test_a_side_that_breaks_is_told_and_judged(bench: Bench, tmp_path: Path) -> None:
    task = replace(bench.adapt(bench.task(tmp_path, Setting("float16"), longest=False)), sound="none.wav")
    one = speed._Cell("tiny", "real", task, apart=False)
    found, row = speed._raced(bench, one, 1, Deadline(60))
    assert found.wrong.startswith("ours: ")
    assert row.values["ours_speed"] is None
    assert [check.held for check in judged(found)] == [False, None]


def test_a_child_that_hangs_or_ends_is_told_and_begins_anew(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "counting.py").write_text(
        "import json, sys, time\n"
        "for turn, line in enumerate(sys.stdin, 1):\n"
        "    print(json.dumps({'turn': {'number': turn}}), flush=True)\n"
        "    if sys.argv[1] == str(turn): sys.exit('enough')\n"
        "    if sys.argv[1] == 'hang': next(sys.stdin); time.sleep(60)\n",
        encoding="utf-8",
    )
    environ = {**bench.environ, "PYTHONPATH": str(tmp_path)}
    child = Kept("counting", "2", environ)
    assert [child.ask(20).said["turn"]["number"] for _ in range(2)] == [1, 2]
    assert child.ask(20).wrong.endswith("enough")
    assert child.ask(20).said["turn"] == {"number": 1}  # another one
    child.close()
    child.close()
    hanging = Kept("counting", "hang", environ)
    hanging.ask(20)
    assert hanging.ask(1).cut


def test_who_begins_changes_from_round_to_round() -> None:
    assert speed.order(3) == ("ours", "theirs", "theirs", "ours", "ours", "theirs")


def test_equal_is_enough_unless_one_batch_can_hide_behind_another() -> None:
    def held(one: Race) -> list[bool | None]:
        return [check.held for check in judged(one)]

    assert held(race(10, 10)) == [True, False]
    assert held(race(10, 12)) == [True, True]
    assert held(race(10, 9.9)) == [False, False]
    assert held(race(10, 10, windows=8)) == [True]  # one batch: there is nothing to overlap
    assert held(race(10, 12, rounds=2)) == [None, None]
    assert held(race(10, 12, rounds=0)) == [None]
    outlier = replace(race(10, 12), ours=(Lap(10, 400, 16), Lap(99, 400, 16), Lap(10, 400, 16)))
    assert held(outlier) == [True, True]


def test_sides_that_did_not_decode_the_same_are_not_compared() -> None:
    mine, other = Lap(10, 400, 16), Lap(12, 400, 16, 1600)
    even = Race("tiny", "float16, batch 8", 8, 100, (mine,) * 3, (other,) * 3)
    assert even.uneven == ""
    fewer = replace(even, theirs=(replace(other, windows=15, tokens=1500),) * 3)
    short = replace(even, theirs=(replace(other, tokens=1599),) * 3)
    for one in (fewer, short):
        assert one.uneven
        assert [check.held for check in judged(one)] == [None, None]


def test_the_guides_figures_bind_an_rtx_4060_alone() -> None:
    races = [
        race(10, 10),
        race(5, 10),
        race(20, 20, model="small"),
        race(1, 1, rounds=2),
    ]  # 40x, 80x, 20x, 400x

    def told(card: str) -> list[tuple[bool | None, str]]:
        return [(one.held, one.figure) for one in floors(races, card)]

    mine = told("NVIDIA GeForce RTX 4060")
    assert [held for held, _ in mine] == [True, False, None, None]
    assert mine[0][1] == "met by this NVIDIA GeForce RTX 4060: 80.0x, float16, batch 8"
    assert mine[2][1] == "not measured"
    for card in ("NVIDIA GeForce RTX 4060 Ti", "NVIDIA H100 80GB HBM3", "NVIDIA GeForce RTX 4060 Laptop GPU"):
        assert [held for held, _ in told(card)] == [None] * 4
        assert told(card)[1][1].startswith(f"not met by this {card}: 20.0x")


def test_the_other_side_runs_without_our_settings_but_with_the_users(bench: Bench) -> None:
    environ = {"PATH": "p", CT2_BINS: "2,6,24,1"}
    assert speed.without_ours(environ, {}) == {"PATH": "p"}
    assert speed.without_ours(environ, {CT2_BINS: "2,6,24,1"}) == environ


def test_our_windows_are_told_in_seconds(bench: Bench) -> None:
    cuts = peer_child.our_windows(bench.sound)
    assert cuts[0]["start"] < 1
    assert all(0 < one["end"] - one["start"] <= 28 for one in cuts)


def test_the_table_of_speeds_says_what_was_measured_and_what_was_not(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert speed_table(path) == "not measured\n"
    about = {"model": "tiny", "weights": "random", "compute_type": "float16", "batch": 8}
    rows = [
        {"how": "so"},
        {**about, **race(5, 10).figures()},
        {**about, "batch": 32, "skipped": "needs 9 MiB"},
    ]
    checks = [*judged(race(5, 10)), *floors([race(5, 10)], "an H100")]
    section = {
        "checks": [{"what": one.what, "held": one.held, "figure": one.figure} for one in checks],
        "rows": rows,
    }
    found = {
        "measured": "2026-01-01", "card": {"name": "simulated", "total_mib": 1, "driver": "1"},
        "versions": {"ctranslate2": "4", "faster-whisper": "1"}, "sections": {"speed": section},
    }  # fmt: skip
    path.write_text(json.dumps(found), encoding="utf-8")
    text = speed_table(path)
    assert "| tiny | random | float16 | 8 | 80.0x | 40.0x | 2.00 | 3 |" in text
    assert "| tiny |  | float16 | 32 | needs 9 MiB |" in text
    assert "- tiny: the guide's 50x realtime of an RTX 4060: met by this an H100: 80.0x" in text
    assert "Of 6 assertions 2 held." in text
    assert gpu_table(path) == "not measured\n"
