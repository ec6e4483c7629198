"""What is planned after a plan failed on its card: the next that may do, and what is learned from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bili2text.errors import Bili2TextError, DeviceFailure, OutOfMemory, PrecisionFailure
from bili2text.gpu.device import Cards
from bili2text.gpu.known import simulated
from bili2text.models.store import Places
from bili2text.plan import ledger
from bili2text.plan.experience import Experience
from bili2text.plan.values import Machine, Plan, Wishes
from bili2text.planning import Planner
from bili2text.progress import Silent


class Notes(Silent):
    """A Progress that remembers what it was warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


class Desk:
    """A computer with one card, whose free memory the test sets."""

    def __init__(self, card: str) -> None:
        self.card = simulated(card)

    def look(self, wishes: Wishes, environ: Mapping[str, str]) -> Machine:
        cards = Cards((), "the CPU was asked for") if wishes.device == "cpu" else Cards((self.card,))
        known = ledger.read(ledger.ledger_file(environ)) if wishes.device != "cpu" else Experience()
        return Machine(cards, 16.0, 8, library="4.8.5", experience=known)

    def free(self, uuid: str) -> int | None:
        return self.card.free_mib


def planner(
    desk: Desk, folder: Path, wishes: Wishes = Wishes(gpu_wait=0), progress: Silent | None = None
) -> Planner:
    places = Places(folder, None, {"BILI2TEXT_CACHE_DIR": str(folder)})
    return Planner(wishes, places, progress or Notes(), may_download=True, look=desk.look, free_now=desk.free)


def test_out_of_memory_is_followed_by_less_until_the_cpu(tmp_path: Path) -> None:
    desk = Desk("RTX 4060, 8 GB, 7.1 free")
    one = planner(desk, tmp_path)
    plan, needs = one.plan(), []
    while plan.device == "cuda":
        needs.append(plan.need_mib)
        plan = one.after(plan, OutOfMemory("the GPU has no room left"))
    assert plan.device == "cpu"
    assert 2 <= len(needs) <= 12
    assert "no room left" in plan.reasons[0]


def test_what_ran_out_of_memory_is_not_planned_again_by_a_later_run(tmp_path: Path) -> None:
    desk = Desk("RTX 4060, 8 GB, 7.1 free")
    first = planner(desk, tmp_path)
    failed = first.plan()
    first.after(failed, OutOfMemory("the GPU has no room left"))
    again = planner(desk, tmp_path).plan()
    assert (again.model, again.setting) != (failed.model, failed.setting)


def test_memory_that_a_neighbour_took_teaches_nothing_about_the_model(tmp_path: Path) -> None:
    desk = Desk("RTX 4060, 8 GB, 7.1 free")
    one = planner(desk, tmp_path)
    failed = one.plan()
    desk.card = replace(desk.card, free_mib=3000)
    smaller = one.after(failed, OutOfMemory("the GPU has no room left"))
    assert smaller.need_mib < 3000
    desk.card = replace(desk.card, free_mib=7270)
    assert planner(desk, tmp_path).plan().setting == failed.setting


def test_a_precision_that_gave_nonsense_is_left_for_the_next_and_for_good(tmp_path: Path) -> None:
    desk, notes = Desk("RTX 4060, 8 GB, 7.1 free"), Notes()
    one = planner(desk, tmp_path, progress=notes)
    failed = one.plan()
    after = one.after(failed, PrecisionFailure("float16 gives no text on this device, only NaN"))
    assert (failed.compute_type, after.compute_type) == ("float16", "int8_float16")
    assert "only NaN" in notes.warnings[0]
    later = planner(desk, tmp_path).plan()
    assert later.compute_type == "int8_float16"
    assert any("failed here before" in reason for reason in later.reasons)


def test_a_forced_precision_that_fails_steps_to_one_that_works(tmp_path: Path) -> None:
    one = planner(Desk("RTX 4060"), tmp_path, Wishes(model="medium", compute_type="float16"))
    after = one.after(one.plan(), PrecisionFailure("float16 gives no text"))
    assert (after.model, after.compute_type, after.device) == ("medium", "int8_float16", "cuda")


def test_any_other_failure_leaves_the_card(tmp_path: Path) -> None:
    one = planner(Desk("RTX 4060"), tmp_path)
    assert one.after(one.plan(), DeviceFailure("the card fell off the bus")).device == "cpu"


@pytest.mark.parametrize("wishes", [Wishes(auto_optimize=False), Wishes(cpu_fallback=False)])
def test_where_nothing_else_may_be_tried_the_failure_is_the_answer(tmp_path: Path, wishes: Wishes) -> None:
    one = planner(Desk("RTX 4060"), tmp_path, wishes)
    with pytest.raises(DeviceFailure, match="fell off"):
        one.after(one.plan(), DeviceFailure("the card fell off the bus"))


def test_without_the_cpu_the_steps_end_in_the_error(tmp_path: Path) -> None:
    one = planner(Desk("GTX 1660 Ti, 6 GB, 2.0 free"), tmp_path, Wishes(cpu_fallback=False))

    def fail(plan: Plan) -> None:
        while True:
            plan = one.after(plan, OutOfMemory("the GPU has no room left"))

    with pytest.raises(Bili2TextError):
        fail(one.plan())


def test_a_measured_peak_is_what_the_next_plan_reckons_with(tmp_path: Path) -> None:
    desk = Desk("RTX 4060, 8 GB, 7.1 free")
    one = planner(desk, tmp_path)
    plan = one.plan()
    one.took(plan, round(plan.need_mib * 0.95))
    known = planner(desk, tmp_path).plan()
    assert known.walk[0].arithmetic.startswith(("measured", "learned"))


def test_a_lost_card_is_left_for_the_other_one(tmp_path: Path) -> None:
    desk = Desk("RTX 4060")
    second = replace(desk.card, index=1, uuid="GPU-second", free_mib=4000)
    look = desk.look

    def both(wishes: Wishes, environ: Mapping[str, str]) -> Machine:
        machine = look(wishes, environ)
        return replace(machine, cards=Cards((*machine.cards.devices, second)))

    desk.look = both  # type: ignore[method-assign]
    one = planner(desk, tmp_path)
    first = one.plan()
    after = one.after(first, DeviceFailure("the card fell off the bus"))
    assert (first.device_index, after.device_index, after.gpu) == (0, 1, "GPU-second")


def test_a_neighbour_that_only_passes_by_is_waited_for(tmp_path: Path) -> None:
    desk, notes = Desk("RTX 4060, 8 GB, 7.1 free"), Notes()
    one = planner(desk, tmp_path, Wishes(gpu_wait=20), notes)
    plan = one.plan()
    answers = iter([1000] * 12)  # MiB free: for three seconds somebody else has the rest
    desk.free = lambda uuid: next(answers, 7270)  # type: ignore[method-assign]
    waiting = planner(desk, tmp_path, Wishes(gpu_wait=20), notes)
    assert waiting.after(plan, OutOfMemory("the GPU has no room left")) == plan
    assert "waiting up to 20 s" in notes.warnings[0]
