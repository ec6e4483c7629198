from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from bili2text.cluster.fetching import Chosen, Fetching
from bili2text.lists.values import Entry
from bili2text.prefetch import Finding
from bili2text.progress import Progress, Silent


class World:
    """A list whose entries are found as a Finder finds them; the first holds ten more."""

    def __init__(self, count: int) -> None:
        self.entries = [Entry((number,), "source", f"link{number}", "") for number in range(1, count + 1)]
        self.opened: list[int] = []
        self.lock = threading.Lock()

    def find(self, chosen: Chosen, progress: Progress) -> Finding[int]:
        while True:
            entry = next((one for one in list(self.entries) if chosen(one)), None)
            if entry is None:
                return
            progress.note("opening")
            with self.lock:
                self.opened.append(entry.place[0])
                if entry.place == (1,):
                    more = range(1001, 1011)
                    self.entries += [Entry((number,), "line", str(number), "") for number in more]
            yield entry.place[0]


def taken(fetching: Fetching[int], done: Callable[[], bool]) -> list[int]:
    found = []
    while not done():
        one = fetching.take()
        if one is None:
            time.sleep(0.002)
        else:
            found.append(one)
    return found


def test_several_threads_open_each_entry_once_and_what_it_lists_too() -> None:
    world = World(200)
    with closing(Fetching(world.find, lambda entry: True, Silent(), threads=8, ahead=4)) as fetching:
        found = taken(fetching, lambda: fetching.quiet)
        assert sorted(found) == sorted(world.opened) == [*range(1, 201), *range(1001, 1011)]
        world.entries.append(Entry((5000,), "source", "late", "", tries=1))
        fetching.again([(7,)])
        assert taken(fetching, lambda: fetching.quiet) == [7]  # not what failed and was not asked for


def test_nobody_is_further_ahead_than_the_queue_lets_them() -> None:
    world = World(500)
    with closing(Fetching(world.find, lambda entry: True, Silent(), threads=3, ahead=5)) as fetching:
        time.sleep(0.3)
        assert len(world.opened) == 5 + 3
        assert len(taken(fetching, lambda: fetching.quiet)) == 510


def test_what_is_not_wanted_is_not_opened() -> None:
    world = World(20)
    with closing(
        Fetching(world.find, lambda entry: entry.place[0] % 2 == 0, Silent(), threads=2, ahead=4)
    ) as fetching:
        assert sorted(taken(fetching, lambda: fetching.quiet)) == list(range(2, 21, 2))


def test_an_error_of_a_thread_is_raised_where_it_is_heard() -> None:
    def find(chosen: Chosen, progress: Progress) -> Finding[int]:
        raise RuntimeError("broken")
        yield

    with (
        closing(Fetching(find, lambda entry: True, Silent(), threads=2, ahead=1)) as fetching,
        pytest.raises(RuntimeError, match="broken"),
    ):
        taken(fetching, lambda: False)
