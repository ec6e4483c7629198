from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.cluster.seats import replaced_after, seats, share
from bili2text.cluster.values import Node, Planned

CARD = Planned("small", "float16", 8, 5, "cuda", "RTX 4060", 2_400, 8_188, 7_600)
CPU = Planned("base", "int8", 1, 5, "cpu", "CPU", 600, 0, 0, 4)


@pytest.mark.parametrize(
    ("need", "total", "room", "workers", "part"),
    [
        (2_400, 8_188, 7_600, 3, 0.30),  # three small plans on a card of 8 GB
        (4_095, 8_188, 8_188, 1, 0.51),  # a half and a little has no neighbour
        (4_000, 8_188, 8_100, 2, 0.49),
        (2_400, 8_188, 2_500, 1, 0.30),  # the rest of the card is somebody else's
        (7_900, 8_188, 8_000, 1, 0.97),
    ],
)
def test_a_card_is_shared_by_as_many_as_the_plan_leaves_room_for(
    need: int, total: int, room: int, workers: int, part: float
) -> None:
    planned = replace(CARD, need_mib=need, card_mib=total, room_mib=room)
    found = seats(Node("n", "10.0.0.2", 16, 1, 30_000), planned)
    assert (len(found), found[0].gpus) == (workers, part)


def test_two_cards_take_twice_as_many_and_the_cores_are_shared_among_them() -> None:
    found = seats(Node("n", "10.0.0.2", 4, 2, 30_000), CARD)
    assert [seat.gpus for seat in found] == [0.30] * 6
    assert found[0].cpus == 0.66
    assert sum(seat.cpus for seat in found) <= 4


def test_without_a_card_cores_and_memory_say_how_many() -> None:
    assert len(seats(Node("n", "a", 16, 0, 64_000), CPU)) == 4
    assert len(seats(Node("n", "a", 16, 0, 1_400), CPU)) == 2
    assert [seat.cpus for seat in seats(Node("n", "a", 2, 0, 64_000), CPU)] == [2.0]


@given(
    need=st.integers(1, 100_000), card=st.integers(0, 100_000), room=st.integers(0, 100_000),
    cpus=st.integers(1, 256), gpus=st.integers(0, 16), memory=st.integers(0, 10**6),
    device=st.sampled_from(["cpu", "cuda"]), threads=st.integers(0, 64),
)  # fmt: skip
def test_seats_never_ask_for_more_than_the_node_has(
    need: int, card: int, room: int, cpus: int, gpus: int, memory: int, device: str, threads: int
) -> None:
    planned = replace(CARD, device=device, need_mib=need, card_mib=card, room_mib=room, threads=threads)
    node = Node("n", "a", cpus, max(gpus, device == "cuda"), memory)
    found = seats(node, planned)
    assert found
    assert sum(seat.cpus for seat in found) <= node.cpus + 1e-6
    assert sum(seat.memory_mib for seat in found) <= node.memory_mib
    part = share(planned)
    per_card = len(found) / max(1, int(node.gpus))
    assert device == "cpu" or (per_card == int(per_card) and per_card * part <= 1 + 1e-6)


def test_a_seat_whose_workers_never_begin_is_left_and_one_whose_work_died_is_taken_at_once() -> None:
    assert replaced_after(0, 3) == 0.0
    assert [replaced_after(count, count) for count in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, None]
    assert replaced_after(0, 8) is None
