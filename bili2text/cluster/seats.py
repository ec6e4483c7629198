"""How many workers a node has room for, what each is lent, and when one that died is replaced. Pure."""

from __future__ import annotations

from math import ceil, floor

from bili2text.cluster.values import Node, Planned, Seat

_PARTS = 100  # a share of a card is so many hundredths: Ray counts in ten-thousandths
_UNSTARTED = 4  # deaths in a row before a worker was ready: another one will not be, either
_UNDONE = 8  # deaths in a row without one recording done: more than any two recordings can cause
_LONGEST = 60.0  # seconds before a worker is replaced, at most
_MEMORY_SHARE = 0.9  # of what a node lends; the rest is for the driver and for Ray itself


def share(planned: Planned) -> float:
    """Return the share (0..1] of a card that a plan takes, rounded up to a hundredth; 0 on the CPU."""
    if planned.device == "cpu":
        return 0.0
    if not 0 < planned.need_mib <= planned.card_mib:
        return 1.0
    return ceil(_PARTS * planned.need_mib / planned.card_mib) / _PARTS


def seats(node: Node, planned: Planned) -> tuple[Seat, ...]:
    """Return room for as many workers as the node's cards, or its cores and RAM, take side by side.

    There is always one: that the plan fits is what planning found out.
    """
    if planned.device == "cpu":
        return _on_cores(node, planned)
    part = share(planned)
    # what others hold of the card is no room of ours, though Ray lends the card as a whole
    fitting = planned.room_mib // planned.need_mib if planned.need_mib and planned.room_mib else 1
    each = max(1, min(floor(1 / part + 1e-9), fitting))
    count = max(1, int(node.gpus)) * each
    cpus = min(1.0, floor(_PARTS * node.cpus / count) / _PARTS)
    return tuple(Seat(node.id, cpus, part, 0, planned) for _ in range(count))


def _on_cores(node: Node, planned: Planned) -> tuple[Seat, ...]:
    threads = max(1, planned.threads)
    by_cores = int(node.cpus // threads)
    memory = int(_MEMORY_SHARE * node.memory_mib)
    by_memory = memory // planned.need_mib if planned.need_mib and memory else by_cores
    count = max(1, min(by_cores, by_memory))
    cpus = min(float(threads), node.cpus)
    return tuple(Seat(node.id, cpus, 0.0, min(planned.need_mib, memory), planned) for _ in range(count))


def replaced_after(unstarted: int, undone: int) -> float | None:
    """Return the seconds before a worker that died is replaced; None where its seat stays empty.

    `unstarted` of its predecessors died in a row before they were ready, `undone` without having finished a
    recording: a machine that kills whoever sits there must not condemn a whole list.
    """
    if unstarted >= _UNSTARTED or undone >= _UNDONE:
        return None
    if not unstarted:
        return 0.0  # it was the recording, or somebody's hand: the seat is as good as before
    return min(_LONGEST, 2.0 ** (unstarted - 1))
