"""A crew on a cluster that does on demand what machines do not: it answers by a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bili2text.cluster.crew import Came, Crew
from bili2text.cluster.ray_cluster import Answer, Death
from bili2text.cluster.values import Job, Node, Planned, Seat, Told, Trouble
from bili2text.cluster.worker import for_workers
from bili2text.errors import ModelError, RuntimeFailure, UsageError
from bili2text.progress import Silent
from bili2text.request import ModelPlace, Request
from bili2text.source.media import LinkOptions, Media
from cli.batch_ray import refuse_secrets

PLANNED = Planned("base", "int8", 1, 5, "cpu", "CPU", 600, 0, 0, 2)
CARD = Planned("small", "float16", 8, 5, "cuda", "RTX 4060", 2_400, 8_188, 7_600, 2)
NODE = Node("n1", "10.0.0.1", 4, 0, 16_000)


def job(number: int) -> Job:
    name = f"clip{number}"
    return Job((number,), name, name, Media(Path(name), name, None, "file", None, 1.0))


@dataclass
class Scripted:
    """Answers at once what `plan` and `work` say; keeps what it was asked."""

    plan: Callable[[Seat], Answer] = lambda seat: PLANNED
    work: Callable[[Job], Answer] = lambda one: Told(one.key)
    there: tuple[Node, ...] = (NODE,)
    started: list[Seat] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    killed: list[object] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)

    def nodes(self) -> tuple[Node, ...]:
        return self.there

    def start(self, seat: Seat) -> object:
        self.started.append(seat)
        return len(self.started), seat

    def ready(self, worker: tuple[int, Seat], request: Request, address: str, word: str) -> object:
        self.requests.append(request)
        return "ready", worker[0], self.plan(worker[1])

    def transcribe(self, worker: tuple[int, Seat], node: str, one: Job) -> object:
        return "work", worker[0], self.work(one)

    def closing(self, worker: object) -> object:
        return "closing", worker, None

    def sweeping(self, node: str) -> object:
        self.swept.append(node)
        return "sweeping", node, None

    def wait(self, asked: Sequence[object], seconds: float) -> list[object]:
        return list(asked)

    def answer(self, asked: tuple[str, int, Answer], node: str) -> Answer:
        return asked[2]

    def kill(self, worker: object) -> None:
        self.killed.append(worker)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def crew_of(cluster: Scripted, clock: Clock | None = None, request: Request | None = None) -> Crew:
    return Crew(cluster, request or Request(()), "/out", "word", Silent(), clock or Clock())


def settled(crew: Crew, turns: int = 3) -> list[Came]:
    came = []
    for _ in range(turns):
        crew.tend()
        came += crew.came(0)
    return came


def test_each_machine_is_planned_once_and_then_seats_as_many_as_it_has_room_for() -> None:
    cluster = Scripted(there=(NODE, Node("n2", "10.0.0.2", 2, 0, 16_000)))
    crew = crew_of(cluster)
    settled(crew)
    assert [seat.node for seat in cluster.started].count("n1") == 1 + 2
    assert [seat.node for seat in cluster.started].count("n2") == 1 + 1
    assert len(crew.idle) == 3


def test_workers_that_share_a_card_keep_to_the_plan_that_was_made_for_them() -> None:
    cluster = Scripted(plan=lambda seat: CARD, there=(Node("n1", "a", 8, 1, 16_000),))
    settled(crew_of(cluster))
    scout, *workers = cluster.started
    assert scout.gpus == 1.0
    assert [seat.gpus for seat in workers] == [0.3] * 3
    wishes = cluster.requests[-1].wishes
    assert (wishes.model, wishes.vram_budget_mib, wishes.batch_size) == ("small", 2_400, 8)


def test_a_worker_that_died_is_replaced_and_its_recording_comes_back() -> None:
    cluster = Scripted(work=lambda one: Death("process"))
    crew = crew_of(cluster)
    settled(crew)
    crew.give(crew.idle[0], job(1))
    (came,) = settled(crew, 1)
    assert came.answer == Death("process")
    settled(crew)
    assert len(crew.idle) == 2
    assert cluster.killed  # so that one whose line was cut cannot come back and write


def test_nobody_is_started_again_on_a_machine_that_is_gone() -> None:
    cluster = Scripted(work=lambda one: Death("node"), there=(NODE, Node("n2", "b", 2, 0, 16_000)))
    clock = Clock()
    crew = crew_of(cluster, clock)
    settled(crew)
    for worker in crew.idle:
        crew.give(worker, job(worker))
    cluster.there = (NODE,)
    before = len(cluster.started)
    clock.now = 10.0
    settled(crew)
    assert all(seat.node == "n1" for seat in cluster.started[before:])


def test_a_machine_that_joins_is_put_to_work() -> None:
    cluster, clock = Scripted(), Clock()
    crew = crew_of(cluster, clock)
    settled(crew)
    cluster.there = (NODE, Node("n9", "c", 2, 0, 16_000))
    clock.now = 10.0
    settled(crew)
    assert len(crew.idle) == 3


def test_where_no_worker_can_begin_the_list_ends_with_what_they_said() -> None:
    cluster, clock = Scripted(plan=lambda seat: Trouble("ModelError", "no such model", "look")), Clock()
    crew = crew_of(cluster, clock)

    def for_long() -> None:
        for _ in range(20):
            settled(crew, 1)
            clock.now += 30.0

    with pytest.raises(ModelError, match="no worker is left: no such model"):
        for_long()
    assert len(cluster.started) == 4


def test_a_machine_that_kills_all_it_is_given_is_left_before_it_condemns_the_list() -> None:
    cluster = Scripted(work=lambda one: Death("process"), there=(Node("n1", "a", 2, 0, 16_000),))
    crew = crew_of(cluster)
    given: list[Job] = []

    def for_long() -> None:
        for _ in range(60):
            settled(crew, 1)
            for worker in crew.idle:
                given.append(job(len(given)))
                crew.give(worker, given[-1])

    with pytest.raises(RuntimeFailure, match="no worker is left"):
        for_long()
    assert len(given) == 8


def test_what_died_is_swept_up_after_even_where_nobody_sits_any_more() -> None:
    cluster = Scripted(work=lambda one: Death("process"))
    crew = crew_of(cluster)
    settled(crew)
    crew.give(crew.idle[0], job(1))
    settled(crew, 1)
    crew.close()
    assert cluster.swept == ["n1"]


def test_workers_are_told_no_secret(tmp_path: Path) -> None:
    link = LinkOptions(tmp_path / "cookies.txt", "firefox", "http://me:secret@proxy:1")
    request = Request(
        ("https://secret",), link=link, models=ModelPlace(proxy="http://me:secret@proxy"), command=("secret",)
    )
    told = repr(for_workers(request, PLANNED))
    assert "secret" not in told
    assert "cookies.txt" not in told
    assert "firefox" not in told


def test_a_secret_on_the_command_line_is_not_shown_to_a_cluster() -> None:
    refuse_secrets(["batch", "BV1xx411c7mD", "--ray", "local", "--cookies", "cookies.txt"])
    for words in (
        ["batch", "BV1", "--proxy", "http://me:secret@proxy:3128"],
        ["batch", "https://site/video.mp4?token=0123456789abcdef0123456789abcdef"],
    ):
        with pytest.raises(UsageError, match="command line") as caught:
            refuse_secrets([*words, "--ray", "10.0.0.1:6379"])
        assert "secret@" not in f"{caught.value} {caught.value.hint}"
