"""The coordinator: killed wherever it may be, it ends with the same weights, and no shard twice or lost."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bili2text.errors import ModelError, RuntimeFailure, StorageError, UsageError
from bili2text.progress import Silent
from bili2text.workshop.distillation import labels as on_disk
from bili2text.workshop.distillation import shards
from bili2text.workshop.distillation.coordinate import coordinate
from bili2text.workshop.distillation.distil import LABELS, coordinated
from bili2text.workshop.distillation.shards import STATES, Table
from bili2text.workshop.run import Run

STUDENTS = ("one", "two")


class Stop(Exception):
    """A kill, in one process."""


class FakeCrew:
    """Does in memory what the real one does on the disk: what is done twice is done once.

    It stops before and after each of its deeds, in turn, like a process that is killed there.
    """

    def __init__(self, shards: int) -> None:
        self.disk: set[int] = set()
        self.steps = dict.fromkeys(STUDENTS, 0)  # the newest checkpoint of each
        self.visits: Counter[tuple[str, int]] = Counter()
        self.labelled: Counter[int] = Counter()
        self.corrupt: set[int] = set()
        self.most = 0
        self.deeds = 0
        self.stop_at = -1
        self.enough: dict[str, int] = {}

    def label(self, shard: int) -> None:
        self._deed()
        if shard not in self.disk:
            self.labelled[shard] += 1
        self.disk.add(shard)
        self.most = max(self.most, len(self.disk))
        self._deed()

    def verify(self, shard: int) -> None:
        if shard not in self.disk or shard in self.corrupt:
            self.corrupt.discard(shard)
            raise ModelError(f"shard-{shard:05} is damaged")

    def train(self, student: str, shard: int) -> bool:
        self._deed()
        assert shard in self.disk
        if self.steps[student] < shard + 1:  # its checkpoint is older: it is trained
            assert self.steps[student] == shard
            self.visits[student, shard] += 1
            self.steps[student] = shard + 1
        self._deed()
        return shard >= self.enough.get(student, 99)

    def delete(self, shard: int) -> None:
        self._deed()
        self.disk.discard(shard)
        self._deed()

    def _deed(self) -> None:
        self.deeds += 1
        if self.deeds == self.stop_at:
            raise Stop


def through(path: Path, crew: FakeCrew, count: int) -> Table:
    table = shards.load(path) or shards.begun({}, count)
    return coordinate(path, table, STUDENTS, crew, Silent())


def test_stopped_before_and_after_every_deed_and_every_write_each_shard_is_learned_once_by_each_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = FakeCrew(2)
    save = shards.save

    def stopping(table: Table, to: Path) -> None:
        crew._deed()
        save(table, to)
        crew._deed()

    monkeypatch.setattr(shards, "save", stopping)
    through(tmp_path / "whole.json", crew, 2)
    seen: set[str] = set()
    for stop in range(1, crew.deeds + 1):
        path, crew = tmp_path / f"{stop}.json", FakeCrew(2)
        crew.stop_at = stop
        with pytest.raises(Stop):
            through(path, crew, 2)
        seen |= set(table.states) if (table := shards.load(path)) else set()
        through(path, crew, 2)
        assert crew.visits == {(student, shard): 1 for student in STUDENTS for shard in range(2)}, stop
        assert crew.labelled == dict.fromkeys(range(2), 1), stop
        assert crew.most == 1
        assert not crew.disk
    assert seen == set(STATES)


def test_a_damaged_shard_is_removed_and_labelled_again_before_and_in_its_training(tmp_path: Path) -> None:
    for state in ("labelled", "training"):
        crew, path = FakeCrew(2), tmp_path / f"{state}.json"
        table = Table({}, (state, "waiting"))  # type: ignore[arg-type]
        crew.disk, crew.corrupt = {0}, {0}
        shards.save(table, path)
        assert through(path, crew, 2).states == ("deleted", "deleted")
        assert crew.labelled == {0: 1, 1: 1}
        assert crew.most == 1


def test_a_student_that_has_learned_enough_is_left_alone_and_labelling_ends_with_the_last(
    tmp_path: Path,
) -> None:
    crew = FakeCrew(4)
    crew.enough = {"one": 0, "two": 1}
    table = through(tmp_path / "shards.json", crew, 4)
    assert table.states == ("deleted", "deleted", "waiting", "waiting")
    assert table.stopped == set(STUDENTS)
    assert crew.visits == {("one", 0): 1, ("two", 0): 1, ("two", 1): 1}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import labelled  # noqa: F401 - it knows where tiny_qwen lies
    import tiny_qwen

    return tiny_qwen.build(tmp_path_factory.mktemp("teacher") / "Qwen3-tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from labelled import short_pairs, write_data

    return write_data(tmp_path_factory.mktemp("pairs") / "data", short_pairs(12), short_pairs(2, 100))


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    import os

    os.environ["BILI2TEXT_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def work(data: Path, teacher: Path) -> Callable[[Path], Callable[[], object]]:
    """A coordinated run of three shards in a folder, to be begun or gone on with."""
    from labelled import asked, learned

    def of(out: Path) -> Callable[[], object]:
        return lambda: coordinated(
            asked(data, teacher), learned(out, resume=Run(out).shards.exists()), Silent()
        )

    return of


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, work: Callable[[Path], Callable[[], object]]) -> str:
    """The sha256 of the weights of a run that nothing interrupted."""
    import torch

    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole") / "run"
    work(out)()
    return digest(out)


def digest(out: Path) -> str:
    assert set(shards.load(Run(out).shards).states) == {"deleted"}  # type: ignore[union-attr]
    assert on_disk.shards_on_disk(out / LABELS) == ()
    steps = [json.loads(line)["step"] for line in Run(out).log.read_text().splitlines()]
    assert steps == sorted(set(steps))
    return hashlib.sha256((Run(out).model / "model.safetensors").read_bytes()).hexdigest()


def states_of(out: Path) -> tuple[str, ...]:
    found = shards.load(Run(out).shards)
    return found.states if found else ()


def test_killed_at_every_state_of_every_shard_the_weights_are_those_of_a_run_that_was_not(
    tmp_path: Path, whole: str, work: Callable[[Path], Callable[[], object]]
) -> None:
    import killed

    out, seen, most = tmp_path / "run", [], 0
    # dies when it is about to write the table a second time: so each time one state further
    while True:
        writes = 0

        def second(event: str, path: Path) -> bool:
            nonlocal writes
            writes += event == "os.rename" and path == Run(out).shards
            return writes == 2

        ended = killed.run(work(out), tmp_path, second)
        assert ended in (killed.DONE, -9)
        most = max(most, len(on_disk.shards_on_disk(out / LABELS)))
        if ended == killed.DONE:
            break
        seen.append(states_of(out))
    order = [state for state in STATES if state != "waiting"]
    wanted = [(shard, state) for shard in range(3) for state in order]
    assert [(max(n for n, one in enumerate(states) if one != "waiting"), [s for s in states if s != "waiting"][-1])
            for states in seen] == wanted[: len(seen)]  # fmt: skip
    assert len(seen) >= len(wanted) - 1
    assert most == 1
    assert digest(out) == whole


def test_killed_before_any_change_of_the_disk_the_weights_are_those_of_a_run_that_was_not(
    tmp_path: Path, whole: str, work: Callable[[Path], Callable[[], object]]
) -> None:
    import killed

    out, kills, most = tmp_path / "run", 0, 0
    while True:
        changes, limit = 0, 25 + 13 * kills

        def after_so_many(event: str, path: Path) -> bool:
            nonlocal changes
            changes += 1
            return changes == limit  # noqa: B023 - it is asked at once

        ended = killed.run(work(out), tmp_path, after_so_many)
        assert ended in (killed.DONE, -9)
        most = max(most, len(on_disk.shards_on_disk(out / LABELS)))
        if ended == killed.DONE:
            break
        kills += 1
    assert kills >= 5
    assert most == 1
    assert digest(out) == whole


def test_a_shard_that_rots_between_two_runs_is_labelled_again_and_nothing_is_lost(
    tmp_path: Path, whole: str, work: Callable[[Path], Callable[[], object]]
) -> None:
    import killed

    out = tmp_path / "run"
    first = on_disk.part_path(on_disk.shard_folder(out / LABELS, 1), 0)

    def in_training(event: str, path: Path) -> bool:
        return path.name == "checkpoint-6"  # the second shard's second step

    assert killed.run(work(out), tmp_path, in_training) == -9
    assert states_of(out) == ("deleted", "training", "waiting")
    raw = bytearray(first.read_bytes())
    raw[-3] ^= 16
    first.write_bytes(raw)
    work(out)()
    assert digest(out) == whole


def test_two_students_learn_from_the_same_shards_and_each_as_if_it_were_alone(
    tmp_path: Path, data: Path, teacher: Path, whole: str
) -> None:
    from labelled import asked, learned

    out = tmp_path / "runs"
    runs = coordinated(asked(data, teacher), learned(out, "tiny", "qwen-128"), Silent())
    assert [run.folder.name for run in runs] == ["tiny", "qwen-128"]
    found = [hashlib.sha256((run.model / "model.safetensors").read_bytes()).hexdigest() for run in runs]
    assert found[0] == whole
    assert found[1] != whole


def test_a_full_disk_while_labelling_is_one_line_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path, whole: str, work: Callable[[Path], Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from bili2text.workshop.distillation import parts

    out, write = tmp_path / "run", Path.write_bytes

    def full(path: Path, raw: bytes) -> int:
        if out / LABELS / "shard-00001" in path.parents:
            write(path, raw[: len(raw) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, raw)

    monkeypatch.setattr(parts.Path, "write_bytes", full)
    with pytest.raises(StorageError, match="the disk is full") as caught:
        work(out)()
    assert "\n" not in caught.value.message
    assert states_of(out) == ("deleted", "labelling", "waiting")
    assert list(on_disk.shard_folder(out / LABELS, 1).iterdir()) == []
    monkeypatch.undo()
    work(out)()
    assert digest(out) == whole


def test_a_run_is_gone_on_with_only_when_asked_to_and_only_as_it_was_begun(
    tmp_path: Path, data: Path, teacher: Path
) -> None:
    from dataclasses import replace

    from labelled import asked, learned

    request = learned(tmp_path / "run")
    few = asked(data, teacher, max_samples=8)
    coordinated(few, request, Silent())
    with pytest.raises(UsageError, match="a run is there already"):
        coordinated(few, request, Silent())
    again = replace(request, resume=True)
    coordinated(few, again, Silent())
    other = replace(again, preset=replace(again.preset, train=replace(again.preset.train, lr=1.0)))
    with pytest.raises(UsageError, match=r"begun otherwise: it differs in train\.lr"):
        coordinated(few, other, Silent())
    with pytest.raises(UsageError, match=r"other labels: they differ in samples"):
        coordinated(asked(data, teacher, max_samples=9), again, Silent())


def test_a_loss_that_is_no_number_leaves_the_shard_and_the_last_checkpoint(
    tmp_path: Path, data: Path, teacher: Path
) -> None:
    from dataclasses import replace

    from labelled import asked, learned

    request = learned(tmp_path / "run")
    wild = replace(
        request.preset, train=replace(request.preset.train, lr=1e30, max_grad_norm=1e30, warmup=0.0)
    )
    with pytest.raises(RuntimeFailure, match="is no number in step"):
        coordinated(asked(data, teacher), replace(request, preset=wild), Silent())
    assert states_of(request.out)[0] == "training"
    assert on_disk.shards_on_disk(request.out / LABELS) == (0,)
