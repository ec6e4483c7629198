"""The translation's sections on the CPU: children, engines, plans and files are real; only the card is not."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import decoders
import gpu_acceptance
import pytest
from acceptance import (
    children,
    choice,
    float8_as_planned,
    half,
    handing_over,
    needs,
    squeezing,
    torch_allocator,
)
from acceptance.bench import Bench, speech
from acceptance.children import Ended
from acceptance.report_translators import translators_table
from acceptance.run import PARTS, SECTIONS, SHARES
from acceptance.torch_pool import TorchPool
from acceptance.translators import Translators
from acceptance.values import Asked, Check, Deadline, Errand, Found, Row, asked_of, errand_of

from bili2text.gpu.allocator import TORCH_NAMES
from bili2text.gpu.device import Cards
from bili2text.translators.catalog import card_of
from bili2text.translators.engine import Load
from bili2text.translators.folders import look
from bili2text.translators.footprint import Setting, on_card, weights_bytes
from bili2text.translators.remote import child_environment

PAIRS = "他明天来。\tHe comes tomorrow.\n我不知道。\tI do not know.\n"

# What hardware will not do on demand: a card with as much free as a file says, and no room in the second
# batch. Found by every child as its sitecustomize; programs, plans, engines and processes are the real ones.
CARD = """
import os
from dataclasses import replace
from pathlib import Path
import bili2text.planning as planning
import bili2text.transcribe.ct2 as ct2
import bili2text.translator_planning as translator_planning
import bili2text.translators.ct2 as translator
from bili2text.errors import OutOfMemory
from bili2text.gpu.device import Cards
from bili2text.gpu.known import simulated
from bili2text.plan.values import Machine

def machine(wishes, environ):
    free = int(Path(os.environ["FAKE_FREE"]).read_text())
    card = replace(simulated("RTX 4060, 8 GB"), driver="570.86", free_mib=free)
    return Machine(Cards((card,)), 16.0, 2, library="4.8.5")

class Engine(ct2.Ct2Engine):
    def __init__(self, load, options):
        super().__init__(replace(load, device="cpu", compute_type="int8", threads=1), replace(options, beam_size=1))

class Translator(translator.Ct2Translator):
    batches = 0

    def __init__(self, load):
        self.full = load.device == "cuda" and "FAKE_FULL" in os.environ
        super().__init__(replace(load, device="cpu", precision="auto", threads=1))

    def generate(self, prompts, *how):
        self.batches += 1
        if self.full and self.batches == 2:
            raise OutOfMemory("the GPU has no room left")
        prompts = tuple(replace(one, max_new_tokens=8) for one in prompts)  # noise is never over
        return super().generate(prompts, *how)

ct2.Ct2Engine, translator.Ct2Translator = Engine, Translator
planning.this_machine = translator_planning.this_machine = machine
"""


def split(found: list[Found]) -> tuple[list[Check], list[dict[str, Any]]]:
    checks = [one for one in found if isinstance(one, Check)]
    return checks, [one.values for one in found if isinstance(one, Row)]


def with_a_card(bench: Bench, folder: Path, **more: str) -> Bench:
    """Return a bench whose children see a card: what is free on it follows the ballast."""
    patch, free = folder / "patch", folder / "free"
    patch.mkdir()
    (patch / "sitecustomize.py").write_text(CARD, encoding="utf-8")

    def free_now() -> int | None:
        left = bench.free_now()
        free.write_text(str(left))
        return left

    free_now()
    path = os.pathsep.join([str(patch), bench.environ["PYTHONPATH"]])
    environ = {**bench.environ, "PYTHONPATH": path, "FAKE_FREE": str(free), **more}
    (made,) = bench.translators.plain()
    given = (bench.translators.converted(made).model.path,)
    theirs = replace(bench.translators, given=given, made=folder / "shelf", shapes=())
    return replace(bench, environ=environ, free_now=free_now, translators=theirs)


def test_a_translator_of_random_weights_weighs_what_the_real_one_does() -> None:
    for name in ("Qwen3-0.6B", "Qwen3-4B"):
        shape = card_of(name).shape  # type: ignore[union-attr]
        assert shape is not None
        held = list(decoders.tensors(shape))
        # the norms of queries and keys are not reckoned with: 256 numbers a layer
        assert sum(one.numbers for one in held) == shape.parameters + 2 * 128 * shape.layers
    packed = sum(one.size for one in decoders.tensors(replace(shape, tied=False), float8=True))
    # the hub says 5.19 GB of Qwen3-4B-FP8
    assert packed == pytest.approx(5.19e9, rel=0.01)


def test_made_translators_are_told_from_real_ones_and_are_not_made_in_their_place(
    translators: Translators, tmp_path: Path
) -> None:
    (made,) = translators.plain()
    assert not made.real
    assert weights_bytes(made.model, "bfloat16") == pytest.approx(made.model.weight_bytes, rel=0.05)
    theirs = tmp_path / "theirs" / "Qwen3-0.6B"
    theirs.parent.mkdir()
    theirs.symlink_to(made.model.path)
    other = replace(translators, given=(theirs.parent,), made=tmp_path / "made")
    (given,) = other.plain()
    assert given.real
    assert other.smallest() == given
    assert not (other.made / "random").exists()
    assert [one.name for one in other.shelf().iterdir()] == ["Qwen3-0.6B"]
    with pytest.raises(ValueError, match="the shape 640"):
        decoders.make(tmp_path / "small", replace(made.model.shape, vocab=640), made.model.path)


def test_the_check_is_the_plan_and_a_card_that_cannot_be_brought_there_is_said(translating: Bench) -> None:
    checks, (models, chosen, skipped) = split(
        [*choice.choice(translating, Deadline(60), targets=(3.0, 10.0))]
    )
    assert models == {"models": ["Qwen3-0.6B"]}
    assert chosen["model"] == chosen["guide"] == "Qwen3-0.6B"
    assert "cannot be brought there" in skipped["skipped"]
    assert [one.held for one in checks] == [None, True]  # there is no card whose memory could be told
    wrong, _ = choice.asked(translating, translating.translators.made / "nowhere", 30)
    assert wrong == {}


def test_needs_are_held_against_what_was_computed(translating: Bench) -> None:
    checks, rows = split([*needs.needs(translating, Deadline(60), precisions=("float8", "int8_float16"))])
    assert {(row["engine"], row["precision"]) for row in rows} == {("ctranslate2", "int8_float16")}
    ran = [row for row in rows if row["peak_mib"] is not None]
    assert [row["batch"] for row in ran] == [1]  # the child was given smaller batches than the card
    assert all(row["tokens"] == 8 and row["tokens_per_second"] > 0 for row in ran)
    assert all(row["wrong"] == "" and row["computed_mib"] > 150 for row in rows)
    assert len(checks) == len(rows)


def test_a_peak_beside_what_was_computed_is_judged_by_how_long_replies_were(translating: Bench) -> None:
    (given,) = translating.translators.plain()
    computed = on_card(given.model, Setting("bfloat16", 8), 24)

    def held(part: float, tokens: int = 128) -> bool | None:
        return needs.judged("one", computed, {"peak_mib": computed.peak * part, "tokens": tokens}, 128).held

    assert [held(0.9), held(1.01), held(0.7), held(0.7, tokens=20)] == [True, False, False, None]
    assert needs.judged("one", computed, {}, 128).held is None


def test_float8_is_run_as_planned_and_says_why_it_is_not_native(translating: Bench) -> None:
    checks, (row,) = split([*float8_as_planned.float8_as_planned(translating, Deadline(60))])
    assert (row["native"], row["planned"], row["wrong"]) == (False, "bfloat16", "")
    assert row["why_not"] in " ".join(row["reasons"])
    assert [one.held for one in checks] == [True, True, True]


def test_torch_is_told_of_its_allocator_before_it_is_loaded(translating: Bench) -> None:
    one = {torch_allocator.OURS: torch_allocator.RUNS[torch_allocator.OURS]}
    checks, (row,) = split([*torch_allocator.torch_allocator(translating, Deadline(60), one)])
    assert row["wrong"] == ""
    assert [check.held for check in checks] == [True, True, None, None]  # on a CPU none are set
    load = Load(Path("model"), "transformers", "cuda")
    told = child_environment({}, load, "GPU-1", 8192)
    said = {"torch_was_loaded": False, "environment": {name: told.get(name) for name in TORCH_NAMES}}
    settings = {"settings": {"expandable_segments": True}}
    assert [one.held for one in torch_allocator.judged(Ended({**said, **settings}, "done"))] == [True, True]
    late = Ended({**said, "torch_was_loaded": True}, "done")
    assert [one.held for one in torch_allocator.judged(late)] == [False, None]


def test_half_precision_is_compared_on_real_weights_alone(translating: Bench, tmp_path: Path) -> None:
    (check,) = half.half(translating, Deadline(60))
    assert check.held is None
    assert "not measured" in check.figure
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(PAIRS, encoding="utf-8")
    (made,) = translating.translators.plain()
    given = replace(translating.translators, given=(made.model.path,), made=tmp_path / "made", pairs=pairs)
    with_real = replace(translating, translators=given)
    found = half.half(with_real, Deadline(90), lines=1, device="cpu", precisions=("float32",))
    checks, (row,) = split([*found])
    assert (row["precision"], row["equal"]) == ("float32", 1.0)
    assert "replies" not in row
    assert [one.held for one in checks] == [None, None]
    lighter = {**row, "precision": "bfloat16", "weights_mib": row["weights_mib"] / 2}
    rows = [row, lighter]
    worse = [{**row, "chrf": chrf} for row, chrf in zip(rows, (40.0, 37.0), strict=True)]
    assert [one.held for one in half.judged("one", worse)] == [False, True, None]


def test_models_are_side_by_side_where_both_fit_and_one_after_the_other_where_not(
    translating: Bench, tmp_path: Path
) -> None:
    sound = tmp_path / "short.wav"
    speech([translating.sound], sound, seconds=8)
    bench = replace(with_a_card(translating, tmp_path), sound=sound)
    checks, (beside, after) = split([*handing_over.handing_over(bench, Deadline(120))])
    assert beside["wrong"] == after["wrong"] == ""
    assert len(beside["translated"]) == len(after["translated"]) == 2
    assert all(
        one["device"] == "cuda" and one["lines"] for one in (*beside["translated"], *after["translated"])
    )
    orders = [
        [event["what"] for event in run["events"] if event["what"] in ("transcribed", "translated")]
        for run in (beside, after)
    ]
    assert orders == [["transcribed", "translated"] * 2, ["transcribed"] * 2 + ["translated"] * 2]
    assert {one.held for one in checks} == {True, None}
    assert [one.what for one in checks if one.held is None] == [
        "all is free: torch's settings are in its process's environment",
        "room for one: its memory is back",
        "room for one: torch's settings are in its process's environment",
    ]
    assert str(translating.translators.made) not in json.dumps([beside, after])  # whose disk it is


def test_a_hand_over_is_judged_by_order_and_by_memory() -> None:
    def ended(models: int, free: int, done: int = 2) -> Ended:
        events = [
            {"what": "begun", "free_mib": 4000, "models": 0},
            {"what": "transcribed", "free_mib": 3000, "models": 1},
            {"what": "loading one", "free_mib": free, "models": models},
        ]
        row = {"lines": 3, "steps": [], "engine": "ctranslate2", "device": "cuda"}
        return Ended({"events": events, "translated": [row] * done}, "done")

    def held(one: Ended) -> list[bool | None]:
        return [check.held for check in handing_over.judged(handing_over.AFTER, one, 2)]

    assert held(ended(0, 3990)) == [True, True, True, True, None]
    assert held(ended(1, 3000)) == [True, True, False, False, None]
    assert held(ended(0, 3990, done=1))[0] is False
    assert held(Ended({"error": "OutOfMemory", "message": "no room"}, "done")) == [False]
    assert held(Ended({}, "time")) == [None]


def test_a_translation_whose_card_fills_up_steps_down_and_loses_nothing(
    translating: Bench, tmp_path: Path
) -> None:
    bench = with_a_card(translating, tmp_path, FAKE_FULL="1")
    checks, (quiet, squeezed) = split([*squeezing.squeezing(bench, Deadline(120), lines=3)])
    assert quiet["wrong"] == squeezed["wrong"] == ""
    assert abs(squeezed["left_mib"] - 64) <= 16
    assert quiet["lines"] == squeezed["lines"] == 3
    assert quiet["sentences"] == squeezed["sentences"] == 6
    assert "no room left" in " ".join([*squeezed["steps"], *squeezed["warnings"]])
    assert str(tmp_path) not in json.dumps(squeezed)
    assert [one.held for one in checks] == [True] * 6


def test_a_translation_that_lost_a_line_is_seen() -> None:
    said = {"way": "one", "steps": [], "sentences": 6, "lines": 6, "moved": 0, "lost": 0}
    lesser = {**said, "steps": ["no room"]}
    quiet = Ended(said, "done")
    assert [one.held for one in squeezing.judged(quiet, Ended(lesser, "done"), 6, grew=True)] == [True] * 6
    short = {**lesser, "lines": 5, "lost": 1, "sentences": 5}
    found = [one.held for one in squeezing.judged(quiet, Ended(short, "done"), 6, grew=True)]
    assert found == [True, True, True, True, False, False]
    failed = Ended({"error": "OutOfMemory", "message": "no room"}, "done")
    assert [one.held for one in squeezing.judged(quiet, failed, 6, grew=True)] == [True, False]


def test_a_command_that_is_late_ends_with_what_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid)); time.sleep(60)\n"
    )
    said, wrong = children.command(["-c", script], os.environ, 3)
    assert (said, wrong) == ("", "ended for want of time")
    open_files = Path("/proc", note.read_text(), "fd")
    until = time.monotonic() + 10  # who is killed on a busy machine dies a moment later
    while (alive := open_files.exists() and any(open_files.iterdir())) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive
    assert children.command(["-c", "raise SystemExit('no')"], os.environ, 10) == ("", "no")


def test_what_torch_holds_is_told_only_once_it_has_begun() -> None:
    pool = TorchPool()
    assert (pool.state(), pool.reset(), pool.settings()) == (None, False, {})


def test_the_command_makes_what_is_missing_and_measures_a_section(
    translating: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu_acceptance, "probe", lambda environ: Cards((translating.device,)))
    monkeypatch.setattr(gpu_acceptance, "bench", lambda *given: translating)
    path = tmp_path / "results.json"
    assert gpu_acceptance.main(["--only", "half", "--json", str(path)]) == 0
    assert "Qwen3-0.6B, random weights: 0.0 GB" in capsys.readouterr().out
    assert "torch" in json.loads(path.read_text(encoding="utf-8"))["versions"]
    assert "Half precision against float32: not measured." in translators_table(path)
    with pytest.raises(SystemExit):
        gpu_acceptance.main(["--shapes", "Qwen3-400B"])


def test_errands_survive_the_command_line() -> None:
    asked = Asked("/models/a b", "transformers", "bfloat16", (1, 8), uuid="GPU-1")
    assert asked_of(asked.text()) == asked
    errand = Errand(("a.wav", "b.wav"), "/models/a b", "out", whisper="/models/base", target="de")
    assert errand_of(errand.text()) == errand
    assert errand.named("loaded /models/a b") == "loaded a b"


def test_every_section_has_a_share_of_its_part() -> None:
    assert SHARES.keys() == SECTIONS.keys()
    assert all(sum(SHARES[name] for name in part) < 1 for part in PARTS.values())


def test_the_table_of_translators_says_what_was_measured_and_what_was_not(
    translating: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "results.json"
    assert translators_table(path) == "not measured\n"
    (given,) = translating.translators.plain()
    computed = on_card(look(given.model.path), Setting("bfloat16", 8), 24)
    said = {"peak_mib": 400, "origin": "pool", "tokens": 128, "tokens_per_second": 900.5}
    row = {
        "model": "Qwen3-0.6B", "weights": "random", "engine": "transformers", "precision": "bfloat16", "wrong": "",
        "batch": 8, **needs.row(computed, said),
    }  # fmt: skip
    section = {"checks": [{"what": "one", "held": False, "figure": "two"}], "rows": [row]}
    found = {
        "measured": "2026-01-01", "card": {"name": "simulated", "total_mib": 1, "driver": "1"},
        "versions": {"ctranslate2": "4"}, "sections": {"needs": section},
    }  # fmt: skip
    path.write_text(json.dumps(found), encoding="utf-8")
    text = translators_table(path)
    share = f"{400 / computed.peak:.0%}"
    assert f"| Qwen3-0.6B | random | bfloat16 | 8 | {round(computed.peak)} | 400 | {share} | 900.5 |" in text
    assert "What is chosen: not measured." in text
    assert "- did not hold: needs: one: two" in text
