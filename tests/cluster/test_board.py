from __future__ import annotations

from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from bili2text.cluster.board import LOSSES, MISFITS, Board
from bili2text.cluster.values import Job
from bili2text.lists.values import DEATHS
from bili2text.source.media import Media

WORKERS = st.integers(0, 4)


def job(number: int) -> Job:
    name = f"clip{number}"
    return Job((number,), name, name, Media(Path(name), name, None, "file", None, 1.0))


class Boards(RuleBasedStateMachine):
    """Whatever workers do, each recording is in one place, comes out once, and for the reason it should."""

    fresh = Bundle("fresh")

    def __init__(self) -> None:
        super().__init__()
        self.board = Board()
        self.offered: set[int] = set()
        self.out: list[tuple[int, str]] = []
        self.with_worker: dict[int, int] = {}
        self.harm: dict[int, list[str]] = {}

    @rule(target=fresh, number=st.integers(1, 500))
    def found(self, number: int) -> int:
        return number

    @rule(number=consumes(fresh))
    def offer(self, number: int) -> None:
        if number not in self.offered:
            self.offered.add(number)
            self.board.offer(job(number))

    @rule(worker=WORKERS)
    def take(self, worker: int) -> None:
        if worker not in self.with_worker:
            taken = self.board.take(worker)
            if taken is not None:
                self.with_worker[worker] = taken.place[0]

    @rule(worker=WORKERS)
    def finish(self, worker: int) -> None:
        done = self.board.settled(worker)
        assert (done is None) == (worker not in self.with_worker)
        if done is not None:
            assert self.with_worker.pop(worker) == done.place[0]
            self.out.append((done.place[0], "done"))

    @rule(worker=WORKERS, how=st.sampled_from(["death", "loss", "misfit"]))
    def harmed(self, worker: int, how: str) -> None:
        board = self.board
        found = board.misfit(worker) if how == "misfit" else board.died(worker, blamed=how == "death")
        number = self.with_worker.pop(worker, None)
        if number is None:
            assert found is None
            return
        assert found is not None
        harm = self.harm.setdefault(number, [])
        harm.append(how)
        assert found[0].place == (number,)
        killer = harm.count("death") >= DEATHS
        spent = harm.count("loss") >= LOSSES or harm.count("misfit") >= MISFITS
        assert found[1] == ("quarantined" if killer else "failed" if spent else "again")
        if found[1] != "again":
            self.out.append((number, found[1]))

    @invariant()
    def none_is_lost_or_doubled(self) -> None:
        out = [number for number, _ in self.out]
        assert len(out) == len(set(out))
        assert self.board.waiting + self.board.taken + len(out) == len(self.offered)


TestBoards = Boards.TestCase
TestBoards.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_one_that_killed_comes_after_all_that_wait() -> None:
    board = Board()
    for number in (1, 2, 3):
        board.offer(job(number))
    first = board.take("a")
    assert first == job(1)
    assert board.died("a", blamed=True) == (job(1), "again")
    assert [board.take(name) for name in "bcd"] == [job(2), job(3), job(1)]
