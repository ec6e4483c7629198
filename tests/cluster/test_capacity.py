from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from capacity import Kind, World, carried, expected, simulate

CALM = World(dies=1e9, away=1e9)


@pytest.mark.parametrize("world", [CALM, World(), World(dies=20, away=50, mean=7200.0)])
@pytest.mark.parametrize("speed", [7.0, 50.0])
def test_the_simulation_and_the_arithmetic_agree(world: World, speed: float) -> None:
    kind = Kind("card", speed, "made up")
    seen = simulate(kind, 20, world, 40_000.0)
    assert seen.hours == pytest.approx(40_000.0)
    assert seen.per_day == pytest.approx(expected(kind, 20, world), rel=0.05)


def test_twice_the_cards_do_twice_as_much_and_failures_cost() -> None:
    kind = Kind("card", 10.0, "made up")
    assert expected(kind, 2, CALM) == pytest.approx(2 * expected(kind, 1, CALM))
    harsh = simulate(kind, 8, World(dies=2, away=10), 5_000.0)
    calm = simulate(kind, 8, CALM, 5_000.0)
    assert harsh.recordings == calm.recordings  # each once, whatever happens
    assert harsh.per_day < calm.per_day
    assert (harsh.deaths > 100, calm.deaths, calm.lost) == (True, 0, 0.0)


def test_without_overhead_and_failures_a_card_does_its_speed() -> None:
    kind = Kind("card", 10.0, "made up")
    assert simulate(kind, 1, World(overhead=0.0, dies=1e9, away=1e9), 100.0).per_day == pytest.approx(240.0)


def test_a_line_of_a_gigabit_fetches_what_ten_thousand_cards_hear() -> None:
    assert carried(1e9) == pytest.approx(240_000.0)
