"""What to stop or change: each advice is true, because the plan it promises is what the planner then makes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bili2text.diagnosis.advice import Case, advice
from bili2text.diagnosis.lessons import Lessons
from bili2text.gpu.device import Cards, Device, Holder
from bili2text.gpu.known import simulated
from bili2text.models.catalog import CARDS
from bili2text.plan.choose import choose
from bili2text.plan.values import Machine, Stock, Wishes

EVERYTHING = Stock(CARDS, may_download=True)


def card(text: str, *holders: Holder) -> Device:
    return replace(simulated(text), driver="570.133.07", holders=holders)


def case(
    device: Device, wishes: Wishes = Wishes(), stock: Stock = EVERYTHING, cublas: str = ""
) -> Case:  # fmt: skip
    machine = Machine(Cards((device,)), 16.0, 8, cublas, "4.8.5")
    return Case(wishes, machine, stock, choose(wishes, machine, stock), Lessons())


def told(found: Case) -> str:
    return "\n".join(advice(found))


def test_a_card_that_has_room_for_the_best_needs_no_advice() -> None:
    assert advice(case(card("RTX 4090"))) == ()


def test_the_smallest_program_that_is_enough_is_named_with_what_its_end_gives() -> None:
    holders = (Holder(1, "trainer", 15000), Holder(4321, "firefox", 900), Holder(7, "shell", 20))
    crowded = case(card("RTX 4090, 2.1 free", *holders))
    first = advice(crowded)[0]
    assert first.startswith("stop firefox (PID 4321, 900 MiB): then ")
    assert "MiB are missing" in first
    device = crowded.machine.cards.devices[0]
    freed = replace(device, free_mib=device.free_mib + 900)
    then = choose(Wishes(), replace(crowded.machine, cards=Cards((freed,))), EVERYTHING)
    assert f"then {then.model} in {then.compute_type} fits" in first
    assert "shell" not in told(crowded)


def test_programs_that_are_enough_only_together_are_told_together() -> None:
    holders = tuple(Holder(pid, "worker", 150) for pid in range(10, 16))
    found = case(card("RTX 4090, 2.1 free", *holders))
    assert "stop worker" not in told(found)
    assert "stop all 6 programs on the card (900 MiB)" in told(found)


def test_nobody_is_told_to_stop_the_desktop() -> None:
    desktop = (Holder(1, "Xorg", 1500), Holder(2, "gnome-shell", 500))
    found = told(case(card("RTX 3050 Laptop, 1.9 free, desktop", *desktop)))
    assert "stop" not in found
    assert "a screen hangs on the card" in found


def test_a_program_without_a_figure_is_named_all_the_same() -> None:
    found = told(case(card("RTX 4090, 2.1 free", Holder(9, "game.exe", None))))
    assert "does not tell" in found
    assert "game.exe (PID 9)" in found


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        (Wishes(vram_budget_mib=1500), "--vram-budget is set"),
        (Wishes(reserve_mib=20 * 1024), "--reserve is set"),
        (Wishes(max_model="small"), "--max-model is set"),
    ],
)
def test_a_limit_of_the_users_own_is_named(wishes: Wishes, says: str) -> None:
    assert says in told(case(card("RTX 4090"), wishes))


def test_what_a_download_would_give_is_told_when_none_is_allowed() -> None:
    base = tuple(one for one in CARDS if one.name == "base")
    offline = case(card("RTX 4060"), stock=Stock(base, may_download=False))
    assert offline.plan is not None
    assert "bili2text models download large-v3" in offline.plan.reasons[-1] + offline.plan.reasons[-2]
    assert "download" not in told(offline)  # it is said once
    elsewhere = replace(offline, plan=replace(offline.plan, reasons=()))
    assert "nothing is downloaded (--offline" in told(elsewhere)
    assert "bili2text models download large-v3" in told(elsewhere)
    later = told(case(card("RTX 4060"), stock=Stock(base, may_download=True)))
    assert "large-v3 is not on this disk yet" in later


def test_a_missing_library_is_the_advice_where_there_is_a_card() -> None:
    found = told(case(card("RTX 4060"), cublas="cuBLAS 12 was not found; pip install 'bili2text[cuda]'"))
    assert found.startswith(
        "cuBLAS 12 was not found; pip install 'bili2text[cuda]': then large-v3 in float16 fits"
    )


def test_a_card_too_full_for_anything_still_says_what_to_stop() -> None:
    full = card("RTX 4060, 0.2 free", Holder(77, "python3", 7000))
    assert "stop python3 (PID 77, 7000 MiB)" in told(case(full))
