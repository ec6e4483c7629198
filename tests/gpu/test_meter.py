"""What a run took of a card: scripted cards and pools, and the thread that looks at them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bili2text.gpu.meter import Look, Measured, Meter, Tally
from bili2text.gpu.pool import PoolState

MIB = 1024 * 1024


def pool(reserved: int, high: int | None = None) -> PoolState:
    """A pool's figures, in MiB here."""
    return PoolState(reserved * MIB, (reserved if high is None else high) * MIB, 0, 0)


def measured(first: Look, *later: Look, fresh: bool = True) -> Measured:
    tally = Tally(first, fresh_marks=fresh)
    for look in later:
        tally.add(look)
    return tally.measured()


def test_without_a_pool_the_peak_is_the_fall_of_the_cards_free_memory() -> None:
    result = measured(*(Look(free, None) for free in (8000, 5000, 3500, 5500, 8000)))
    assert result == Measured(4500, 2000, 3500, "card", None, 5)


def test_a_peak_between_two_looks_is_seen_by_the_pools_high_mark_alone() -> None:
    loaded = Look(4500, pool(3000, 3000))
    result = measured(Look(8000, None), loaded, Look(4500, pool(3000, 6200)))
    assert result.peak_mib == 6700
    assert result.outside_mib == 500  # the context: 3500 MiB gone, 3000 of them in the pool
    assert result.origin == "pool"
    assert result.lowest_free_mib == 4500
    assert result.mean_mib == 3500


def test_a_neighbour_that_grows_late_is_not_taken_for_ours() -> None:
    ours = [Look(4600, pool(3000)) for _ in range(6)]
    crowded = [Look(1600, pool(3000)) for _ in range(5)]
    with_pool = measured(Look(8000, None), *ours, *crowded)
    assert (with_pool.peak_mib, with_pool.origin) == (3400, "pool")
    without = measured(Look(8000, None), *(Look(look.free_mib, None) for look in ours + crowded))
    assert (without.peak_mib, without.origin) == (6400, "card")
    assert with_pool.lowest_free_mib == without.lowest_free_mib == 1600


def test_a_model_loaded_before_the_block_is_no_part_of_what_the_block_took() -> None:
    result = measured(Look(5000, pool(2500)), Look(4000, pool(3500, 3700)), Look(5000, pool(2500, 3700)))
    assert (result.peak_mib, result.outside_mib) == (1200, 0)


def test_a_mark_that_could_not_be_reset_is_not_believed() -> None:
    looks = (Look(5000, pool(2500, 7000)), Look(4000, pool(3500, 7000)))
    assert measured(*looks, fresh=False).peak_mib == 1000


def test_a_pool_that_nobody_draws_from_leaves_the_word_to_the_card() -> None:
    result = measured(Look(8000, pool(0)), Look(6000, pool(0)))
    assert (result.peak_mib, result.origin) == (2000, "card")


def test_figures_taken_while_the_pool_changed_are_not_set_against_each_other() -> None:
    torn = Look(2000, pool(100), steady=False)
    result = measured(Look(8000, None), torn, torn, Look(4600, pool(3000)))
    assert result.outside_mib == 400


def test_a_card_that_tells_nothing_leaves_the_pool_and_says_what_is_missing() -> None:
    result = measured(Look(None, None), Look(None, pool(3000, 3100)))
    assert (result.peak_mib, result.outside_mib, result.lowest_free_mib) == (3100, None, None)
    assert "outside the pool is not counted" in result.reason


def test_nothing_known_is_said_and_not_zero() -> None:
    result = measured(Look(None, None), Look(None, None))
    assert (result.peak_mib, result.mean_mib, result.origin) == (None, None, "unknown")
    assert result.reason


def test_memory_given_back_below_the_start_is_a_peak_of_nothing() -> None:
    assert measured(Look(4000, None), Look(6000, None)).peak_mib == 0


class ScriptedPool:
    """A pool of the same protocol that comes to life with the engine."""

    def __init__(self) -> None:
        self.now: PoolState | None = None
        self.resets = 0

    def state(self) -> PoolState | None:
        return self.now

    def reset(self) -> bool:
        self.resets += 1
        return self.now is not None


class Card:
    """Free memory that a test sets, and an event for every time it was looked at."""

    def __init__(self, free: int | None) -> None:
        self.free = free
        self.error: Exception | None = None
        self.looked = threading.Semaphore(0)

    def free_now(self) -> int | None:
        self.looked.release()
        if self.error:
            raise self.error
        return self.free

    def wait_for_looks(self, count: int = 2) -> None:
        while self.looked.acquire(blocking=False):
            pass
        for _ in range(count):
            assert self.looked.acquire(timeout=10)


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    yield
    assert "memory-meter" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.usefixtures("no_thread_left")
def test_a_model_loaded_and_dropped_in_the_block_is_measured_by_the_pool_it_brought() -> None:
    card, driver = Card(8000), ScriptedPool()
    with Meter(card.free_now, driver, every=0.001) as meter:
        card.free, driver.now = 4500, pool(3000, 6000)
        card.wait_for_looks(3)
        assert meter.measured.peak_mib == 6500
        card.free, driver.now = 7500, pool(0, 6000)
    assert meter.measured.peak_mib == 6500
    assert meter.measured.samples >= 4
    assert driver.resets == 1


def test_a_block_shorter_than_the_wait_between_looks_is_measured_at_its_end() -> None:
    card = Card(8000)
    with Meter(card.free_now, every=60.0) as meter:
        card.free = 5000
    assert (meter.measured.peak_mib, meter.measured.samples) == (3000, 2)


@pytest.mark.usefixtures("no_thread_left")
def test_a_driver_that_fails_midway_ends_the_sampling_and_not_the_run() -> None:
    card = Card(8000)
    with Meter(card.free_now, every=0.001) as meter:
        card.free = 5000
        card.wait_for_looks(3)
        card.error = RuntimeError("GPU is lost")
        meter._thread.join(10)
    assert meter.measured.peak_mib == 3000
    assert meter.measured.reason == "sampling ended early: GPU is lost"


@pytest.mark.usefixtures("no_thread_left")
def test_a_driver_that_fails_at_once_leaves_the_run_alone_and_its_error_unhidden() -> None:
    card = Card(8000)
    card.error = RuntimeError("GPU is lost")
    meter = Meter(card.free_now, every=0.001)
    with pytest.raises(ZeroDivisionError), meter:
        _ = 1 // 0
    assert meter.measured.peak_mib is None
    assert meter.measured.reason == "memory was not measured: GPU is lost"


def test_a_driver_that_hangs_does_not_hold_up_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bili2text.gpu.meter._PATIENCE", 0.05)
    release, hangs = threading.Event(), threading.Event()
    answers = iter([8000])

    def free_now() -> int | None:
        for answer in answers:
            return answer
        hangs.set()
        release.wait(30)
        return None

    with Meter(free_now, every=0.001) as meter:
        assert hangs.wait(10)
    assert not release.is_set()
    assert meter.measured.samples == 1
    release.set()
