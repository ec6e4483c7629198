"""A run's translator: planned for simulated cards, loaded in a real process, replaced when that one fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from shelves import card, converted, machine, model

from bili2text import translator_loading, translator_planning
from bili2text.errors import DependencyError, DeviceFailure, OutOfMemory, PrecisionFailure, RuntimeFailure
from bili2text.plan.precision import PrecisionWish
from bili2text.plan.values import Machine
from bili2text.progress import Silent
from bili2text.translate.holder import CARD_FAILURES, asked, give_way
from bili2text.translation_request import TranslationRequest
from bili2text.translator_loading import TranslatorLoader
from bili2text.translator_planning import TranslatorPlanner
from bili2text.translators.engine import Decoding, Message, Prompt
from bili2text.translators.folders import Shelf
from bili2text.translators.learned import NEW
from bili2text.translators.remote import RemoteTranslator
from bili2text.translators.values import FoundModel, TranslatorWishes

PROMPTS = tuple(Prompt((Message("user", text),), 4) for text in ("今天天气很好。", "你好", "再见", "雨"))
BIG, SMALL = "Qwen3-4B-ct2", "Qwen3-0.6B-ct2"
ONE = machine(card("RTX 3060, 12 free"))
TWO = machine(card("RTX 3060, 12 free"), card("RTX 3060, 11 free", 1))


class Heard(Silent):
    """A Progress whose words are kept."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


class Bench:
    """Two models of real shapes, whose folders hold a tiny one, on a computer that is not this one."""

    def __init__(self, folder: Path, tiny: Path) -> None:
        self.folder = folder
        self.tiny = tiny
        self.progress = Heard()
        self.found: tuple[FoundModel, ...] = ()
        self.environ = {**os.environ, "BILI2TEXT_CACHE_DIR": str(folder / "cache")}
        self._loaders: list[TranslatorLoader] = []

    def put(self, name: str, found: FoundModel, **script: object) -> None:
        path = self.folder / name
        shutil.copytree(self.tiny, path)
        (path / "script.json").write_text(json.dumps(script))
        self.found = (*self.found, replace(found, path=path))

    def look(self, here: Machine) -> Callable[[object, Mapping[str, str]], Machine]:
        return lambda wishes, environ: here

    def loader(self, here: Machine, **wishes: object) -> TranslatorLoader:
        request = TranslationRequest("en", wishes=TranslatorWishes(**wishes))  # type: ignore[arg-type]
        made = TranslatorLoader(request, self.progress, self.environ, self.look(here))
        self._loaders.append(made)
        return made

    def planner(self, here: Machine) -> TranslatorPlanner:
        """A planner of the next run, which knows what was written down."""
        return TranslatorPlanner(TranslationRequest("en"), self.progress, self.environ, self.look(here))

    def close(self) -> None:
        for one in self._loaders:
            one.close()


@pytest.fixture
def bench(tmp_path: Path, tiny_qwen_ct2: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(tmp_path, tiny_qwen_ct2)
    monkeypatch.setattr(
        translator_loading, "RemoteTranslator", partial(RemoteTranslator, module="card_translator")
    )
    monkeypatch.setattr(translator_planning.folders, "shelf", lambda folder, environ: Shelf(made.found))
    monkeypatch.setattr(translator_planning, "runtime", lambda environ: _known(environ))
    yield made
    made.close()


def _known(environ: Mapping[str, str]) -> object:
    from bili2text.translators import ledger

    return replace(NEW, learned=ledger.read(ledger.ledger_file(environ)))


def answered(loader: TranslatorLoader) -> int:
    """Ask as a job does, giving way where it must; return the replies."""
    while True:
        try:
            return len(asked(loader, PROMPTS, Decoding(), lambda place, reply: None))
        except CARD_FAILURES as error:
            give_way(loader, error)


def test_without_room_the_batch_halves_and_then_a_smaller_model_goes_on(bench: Bench) -> None:
    bench.put(BIG, converted("Qwen3-4B"), room=0)
    bench.put(SMALL, converted("Qwen3-0.6B"))
    loader = bench.loader(ONE, batch_size=4)
    loader.begin(None)
    assert (loader.pin.model, loader.pin.batch_size, loader.pin.device) == (BIG, 4, "cuda")
    first = loader.translator.pid
    assert answered(loader) == len(PROMPTS)
    assert loader.pin.model == SMALL
    assert loader.translator.pid != first
    said = [one.partition("going on with ")[2] for one in bench.progress.warnings]
    assert said[:2] == ["2 sentences at once", "1 sentences at once"]
    assert said[2].startswith(f"{SMALL} in ")
    assert any(reason.startswith(f"{BIG} in ") and "no room" in reason for reason in loader.plan.reasons)


def test_a_batch_that_has_room_when_it_is_halved_stays_with_its_model(bench: Bench) -> None:
    bench.put(BIG, converted("Qwen3-4B"), room=2)
    loader = bench.loader(ONE, batch_size=4)
    loader.begin(None)
    first = loader.translator.pid
    assert answered(loader) == len(PROMPTS)
    assert (loader.pin.model, loader.pin.batch_size, loader.translator.pid) == (BIG, 2, first)


def test_without_auto_optimize_a_lack_of_memory_is_an_error(bench: Bench) -> None:
    bench.put(BIG, converted("Qwen3-4B"), room=2)
    loader = bench.loader(ONE, batch_size=4, auto_optimize=False)
    with pytest.raises(OutOfMemory, match="no room for 4"):
        answered(loader)


def test_a_precision_that_fails_gives_way_to_the_next_and_the_next_run_knows(bench: Bench) -> None:
    plain = replace(converted("Qwen3-4B"), quantization="float16", dtype="float16")
    bench.put(BIG, plain, refused=["bfloat16"])
    assert bench.planner(ONE).plan().precision == "bfloat16"
    loader = bench.loader(ONE)
    loader.begin(None)
    assert answered(loader) == len(PROMPTS)
    assert (loader.pin.precision, loader.pin.device) == ("int8_bfloat16", "cuda")
    again = bench.planner(ONE).plan()
    assert again.precision == "int8_bfloat16"
    assert any("bfloat16 failed here before (no bfloat16 here)" in reason for reason in again.reasons)


def test_a_card_that_fails_gives_way_to_another_and_the_last_to_the_cpu(bench: Bench) -> None:
    bench.put(SMALL, converted("Qwen3-0.6B"), broken=["GPU-0000", "GPU-0001"])
    loader = bench.loader(TWO)
    loader.begin(None)
    assert loader.plan.gpu == "GPU-0000"
    assert answered(loader) == len(PROMPTS)
    assert loader.pin.device == "cpu"
    assert len(bench.progress.warnings) == 2
    assert bench.progress.warnings[0].startswith("the card fell off the bus; going on with")
    assert bench.progress.warnings[1].endswith(loader.plan.device_name)


def test_a_library_that_a_precision_lacks_on_a_cpu_makes_it_step_to_float32(bench: Bench) -> None:
    bench.put(SMALL, model("Qwen3-0.6B"), lacking=["int8"])
    loader = bench.loader(machine(), wish=PrecisionWish(use_int8=True))
    assert loader.check().precision == "int8"
    loader.begin(None)
    assert (loader.pin.precision, loader.pin.device) == ("float32", "cpu")
    assert "int8 needs a library; going on with" in bench.progress.warnings[0]


def test_a_library_that_float32_lacks_is_an_error(bench: Bench) -> None:
    bench.put(SMALL, model("Qwen3-0.6B"), lacking=["float32"])
    with pytest.raises(DependencyError, match="float32 needs a library"):
        bench.loader(machine()).begin(None)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_one_that_is_killed_is_loaded_again_but_not_for_ever(bench: Bench) -> None:
    bench.put(SMALL, converted("Qwen3-0.6B"))
    loader = bench.loader(machine())
    loader.begin(None)

    def killed() -> RuntimeFailure:
        os.kill(loader.translator.pid, signal.SIGKILL)
        dead = loader._loaded
        assert dead is not None
        with pytest.raises(RuntimeFailure) as caught:
            dead.translator.generate(PROMPTS)
        return caught.value

    before = loader.pin
    assert [loader.revive(killed(), 7) for _ in range(2)] == [True, True]
    assert loader.pin == before
    assert answered(loader) == len(PROMPTS)
    assert not loader.revive(killed(), 7)
    assert not loader.revive(OutOfMemory("no room"), 8)  # it lives on, or the next plan is to be asked
    assert not loader.revive(DeviceFailure("off"), 8)
    assert answered(loader) == len(PROMPTS)  # one that died is loaded again for the next group


def test_a_job_goes_on_with_the_model_and_batch_that_it_began_with(bench: Bench) -> None:
    bench.put(BIG, converted("Qwen3-4B"))
    bench.put(SMALL, converted("Qwen3-0.6B"))
    first = bench.loader(ONE)
    first.begin(None)
    pin = replace(first.pin, model=SMALL, batch_size=2, digest="")
    first.begin(pin)
    assert replace(first.pin, digest="") == pin
    pid = first.translator.pid
    first.begin(pin)  # that of a digest which is not known is no other
    assert first.translator.pid == pid
    gone = replace(pin, model="Qwen3-8B-ct2")
    first.begin(gone)
    assert first.pin.model == BIG


def test_the_card_has_its_memory_back_before_the_next_is_planned(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put(BIG, converted("Qwen3-4B"))
    loader = bench.loader(ONE)
    loader.begin(None)
    process = loader.translator
    waited: list[tuple[object, ...]] = []

    def wait(*asked: object) -> None:
        assert not process.usable
        waited.append(asked)

    monkeypatch.setattr(translator_loading, "free_mib_now", lambda gpu: 1234)
    monkeypatch.setattr(translator_loading, "wait_until_free", wait)
    loader.close()
    assert waited == [("GPU-0000", 1234, loader.planner.models()[0].weight_bytes // 2 // 1024**2)]
    loader.close()
    assert len(waited) == 1


def test_the_steps_of_one_run_end(bench: Bench) -> None:
    bench.put(SMALL, converted("Qwen3-0.6B"))
    planner = bench.planner(ONE)
    plan = planner.plan()
    plans = [plan]

    def step() -> None:
        plans.append(planner.after(plans[-1], PrecisionFailure("nothing is right")))

    with pytest.raises(PrecisionFailure):
        any(step() for _ in range(100))
    plan = plans[-1]
    assert plan.device == "cpu"
    assert plan.precision == "float32"


def test_what_had_no_room_is_remembered_unless_somebody_else_took_it(bench: Bench) -> None:
    bench.put(SMALL, converted("Qwen3-0.6B"))
    plan = bench.planner(ONE).plan()

    def next_batch(free: int, held: int) -> int:
        planner = TranslatorPlanner(
            TranslationRequest("en"), bench.progress, bench.environ, bench.look(ONE), lambda gpu: free
        )
        planner.lacked(plan, held)
        return bench.planner(ONE).plan().batch_size

    assert next_batch(500, 0) == plan.batch_size
    assert next_batch(ONE.cards.devices[0].free_mib - plan.need_mib, plan.need_mib) < plan.batch_size
