"""What holds of every plan, whatever the computer and whatever is wished."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st

from bili2text.errors import Bili2TextError, DependencyError, ModelError, OutOfMemory, UsageError
from bili2text.gpu.device import Device
from bili2text.models.catalog import CARDS, card_named
from bili2text.plan import explain, footprint, room
from bili2text.plan.candidates import site
from bili2text.plan.experience import Experience, Peak, Refused
from bili2text.plan.footprint import Setting
from bili2text.plan.values import Plan, Stock, Wishes

sys.path.insert(0, str(Path(__file__).parent))

import worlds
from worlds import GOOD, devices, legal, machine, outcome, stocks, worth

drawn = settings(
    deadline=None,
    derandomize=True,
    max_examples=150,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
few = settings(drawn, max_examples=50)
libraries = st.sampled_from([GOOD, GOOD, worlds.ANCIENT])
two = st.tuples(devices(), devices(1))


def within_memory(plan: Plan, wished: Wishes, device: Device) -> None:
    assert plan.room.mib <= max(0, device.free_mib - 256)
    assert plan.room.mib <= max(0, device.free_mib - wished.reserve_mib - 256)
    if wished.vram_budget_mib is not None:
        assert plan.room.mib <= wished.vram_budget_mib
    assert plan.need_mib <= plan.room.mib or worlds.insisted(wished)


def as_wished(plan: Plan, wished: Wishes, stock: Stock) -> None:
    card = card_named(plan.model)
    assert card is not None
    assert stock.may_download or card in stock.on_disk
    assert plan.on_disk == (card in stock.on_disk)
    if wished.model == "auto":
        assert worlds.able(card, wished)
        assert worlds.between(card, wished)
    else:
        assert plan.model == wished.model
    assert plan.batch_size == 1 or wished.batched
    assert (plan.word_timestamps, plan.told) == (wished.word_timestamps, wished.told)
    if not worlds.as_asked(plan, wished):
        assert wished.auto_optimize
        assert any("what was asked for does not fit" in reason for reason in plan.reasons)


def is_an_answer(error: Bili2TextError, wished: Wishes) -> None:
    """An error says what and what to do, and is one of those that `choose` names."""
    assert isinstance(error, (OutOfMemory, DependencyError, ModelError, UsageError))
    assert error.hint
    assert "\n" not in error.message + error.hint
    if isinstance(error, UsageError):
        named = card_named(wished.model)
        usable = [one for one in CARDS if worlds.able(one, wished) and worlds.between(one, wished)]
        refused = not wished.auto_optimize and "nothing may give way" in error.message
        assert refused or (not worlds.able(named, wished) if named else not usable)
    if isinstance(error, DependencyError):
        assert not wished.cpu_fallback


@drawn
@given(devices(), worlds.wishes(), stocks, libraries)
def test_a_plan_is_within_the_memory_the_wishes_and_what_the_card_can_do(
    device: Device, wished: Wishes, stock: Stock, library: str
) -> None:
    found = outcome(wished, machine(device, library=library), stock)
    if isinstance(found, Bili2TextError):
        is_an_answer(found, wished)
        return
    as_wished(found, wished, stock)
    if found.device == "cpu":
        assert wished.cpu_fallback
        assert found.compute_type in ("int8", "int8_float32", "float32", "int16")
        assert found.need_mib <= found.room.mib <= 16 * 1024
        return
    within_memory(found, wished, device)
    assert found.compute_type in legal(device, library)
    if wished.compute_type in legal(device, library) and found.compute_type != wished.compute_type:
        assert wished.auto_optimize
        assert f"{wished.compute_type} was asked for, but it does not fit" in " ".join(found.reasons)


@drawn
@given(two, worlds.wishes(), stocks, libraries)
def test_the_same_computer_and_wishes_give_the_same_plan_in_the_same_words(
    cards: tuple[Device, Device], wished: Wishes, stock: Stock, library: str
) -> None:
    found = outcome(wished, machine(*cards, library=library), stock)
    turned = Stock(stock.on_disk[::-1], stock.may_download)
    again = outcome(wished, machine(*cards[::-1], library=library), turned)
    if isinstance(found, Bili2TextError):
        assert type(again) is type(found)
        return
    assert isinstance(again, Plan)
    assert again == replace(found, reasons=again.reasons)
    assert sorted(again.reasons) == sorted(found.reasons)
    assert outcome(wished, machine(*cards, library=library), stock) == found
    assert all("\n" not in line and 0 < len(line) <= 200 for line in found.reasons)
    assert max(map(len, explain.text(found).splitlines())) <= 250


@drawn
@given(devices(usable=True), worlds.wishes(), st.integers(0, 96 * 1024), st.integers(1, 4000))
@example(
    Device(0, "GPU-0", "NVIDIA card", (8, 6), 24576, 0, "575", driver_model="wddm"),
    Wishes(model="base", batch_size=1, cpu_fallback=False), 4291, 1,
)  # fmt: skip
def test_more_free_memory_never_gives_a_worse_plan_nor_an_error(
    device: Device, wished: Wishes, free: int, more: int
) -> None:
    lesser, greater = (machine(worlds.with_free(device, mib)) for mib in (free, free + more))
    assert (
        room.on_card(lesser.cards.devices[0], wished).mib
        <= room.on_card(greater.cards.devices[0], wished).mib
    )
    before, after = outcome(wished, lesser), outcome(wished, greater)
    if isinstance(before, Plan):
        assert isinstance(after, Plan), after
        # sizes that were asked for come before all else once they fit
        if worlds.as_asked(before, wished) == worlds.as_asked(after, wished):
            assert worth(before, wished, lesser) <= worth(after, wished, greater)


@drawn
@given(two, worlds.wishes(policy="measured"))
def test_with_a_second_card_the_plan_is_at_least_as_good_as_on_either(
    cards: tuple[Device, Device], wished: Wishes
) -> None:
    assume(not worlds.insisted(wished))
    both = machine(*cards)
    together = outcome(wished, both)
    for alone in cards:
        found = outcome(wished, machine(alone))
        if isinstance(found, Plan):
            assert isinstance(together, Plan)
            if worlds.as_asked(found, wished) != worlds.as_asked(together, wished):
                continue
            assert worth(found, wished, both) <= worth(together, wished, both)


@drawn
@given(
    devices(usable=True), worlds.wishes(cpu_fallback=False), st.sets(st.sampled_from(worlds.TYPES)), stocks
)
def test_a_precision_that_failed_on_the_card_is_not_chosen_again(
    device: Device, wished: Wishes, failed: set[str], stock: Stock
) -> None:
    where = site(device, machine(device))
    known = Experience(
        refused=tuple(Refused(where, one, "it\nsaid " + "no " * 200) for one in sorted(failed))
    )
    found = outcome(wished, machine(device, known=known), stock)
    if isinstance(found, Plan):
        assert found.compute_type not in failed
        assert all("\n" not in line and len(line) <= 200 for line in found.reasons)


@few
@given(devices(usable=True), worlds.wishes())
def test_running_out_of_memory_again_and_again_ends(device: Device, wished: Wishes) -> None:
    assume(not worlds.insisted(wished))
    device = worlds.with_free(device, min(device.free_mib, 4096))
    known, sizes, ways = Experience(), [], []
    found = outcome(wished, machine(device))
    while isinstance(found, Plan) and found.device == "cuda":
        assert found.site is not None
        assert found.footprint is not None
        sizes.append(round(found.footprint.peak, 3))
        ways.append((found.model, found.setting))
        assert len(sizes) < 100
        lack = Peak(found.site, found.model, found.setting, device.free_mib, out_of_memory=True)
        known = known.with_peak(lack)
        found = outcome(wished, machine(device, known=known))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(ways)) == len(ways)
    if sizes:
        assert isinstance(found, OutOfMemory) or (isinstance(found, Plan) and wished.cpu_fallback)


def everything(device: Device, wished: Wishes) -> list[Plan]:
    """Return every way to run that the card has room for, reckoned without the code that plans."""
    mib = room.on_card(device, wished).mib
    sane = [card for card in CARDS if worlds.able(card, wished) and worlds.between(card, wished)]
    half = "float16" in legal(device, GOOD)
    types = [
        one
        for one in (("float16", "int8_float16") if half else ("int8_float32", "float32"))
        if one in legal(device, GOOD)
    ]
    searches = [(5, 5), (5, 1), (1, 1)]
    batches = (32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
    found = []
    for card, one, (beam, best_of), batch, part in product(sane, types, searches, batches, (None, 4, 1)):
        if part is None or part < batch:
            need = footprint.on_card(
                card.dims, Setting(one, batch, beam, best_of, part, told=wished.told), device.sms
            ).peak
            if need <= mib:
                found.append(
                    Plan(card.name, "cuda", 0, "", one, batch, beam, 0, (), best_of, part, gpu=device.uuid)
                )
    return found


@few
@given(
    devices(usable=True),
    worlds.wishes(
        model="auto", policy="measured", compute_type="auto", batch_size=None, beam_size=None, best_of=None,
        cpu_fallback=False, precision=Wishes().precision, batched=True, word_timestamps=False,
    ),
)  # fmt: skip
def test_nothing_better_would_have_fitted(device: Device, wished: Wishes) -> None:
    here = machine(device)
    found = outcome(wished, here)
    assume(not isinstance(found, UsageError))
    ways = everything(device, wished)
    if not isinstance(found, Plan):
        assert ways == []
        return
    assert worth(found, wished, here) == max(worth(way, wished, here) for way in ways)
