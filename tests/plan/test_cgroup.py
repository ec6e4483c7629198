"""What control groups of either version leave a process, in trees like those of real systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from bili2text.plan import cgroup, machine

GIB = 1024**3


def tree(folder: Path, own: str, files: dict[str, str]) -> tuple[Path, Path]:
    """Write the files under a mount, and what the process says of its own groups; return both."""
    folder.mkdir(exist_ok=True)
    mount = folder / "cgroup"
    for name, text in files.items():
        file = mount / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="ascii")
    (folder / "own").write_text(own + "\n", encoding="ascii")
    return mount, folder / "own"


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/", {"cpu.max": "250000 100000"}, 2.5),
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/../../pod", {"cpu.max": "50000 100000"}, 0.5),
        # a group above may be the narrower one
        (
            "0::/user.slice/run.scope",
            {"user.slice/cpu.max": "100000 100000", "user.slice/run.scope/cpu.max": "400000 100000"},
            1.0,
        ),
        # a container of version 1: its group is mounted as the root, under the name of both controllers
        (
            "4:cpu,cpuacct:/docker/abc\n0::/",
            {"cpu,cpuacct/cpu.cfs_quota_us": "150000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            1.5,
        ),
        ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("not a line of it", {}, None),
    ],
)
def test_the_narrowest_quota_counts_and_none_is_no_bound(
    tmp_path: Path, own: str, files: dict[str, str], expected: float | None
) -> None:
    assert cgroup.cpus(*tree(tmp_path, own, files)) == expected


def test_files_that_were_read_count_as_free_memory_in_both_versions(tmp_path: Path) -> None:
    two = {
        "a/memory.max": str(4 * GIB),
        "a/memory.current": str(3 * GIB),
        "a/memory.stat": f"inactive_file {GIB}",
    }
    one = {
        "memory/memory.limit_in_bytes": str(4 * GIB),
        "memory/memory.usage_in_bytes": str(3 * GIB),
        "memory/memory.stat": f"cache 1\ntotal_inactive_file {GIB}",
    }
    assert cgroup.free_memory(*tree(tmp_path / "2", "0::/a/b", two)) == 2 * GIB
    assert cgroup.free_memory(*tree(tmp_path / "1", "4:memory:/docker/abc", one)) == 2 * GIB
    assert cgroup.free_memory(*tree(tmp_path / "0", "0::/", {"memory.max": "max"})) is None


def test_a_part_of_a_core_is_a_core_and_more_than_there_are_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "cpus", lambda: None)
    able = machine.cores()
    for quota, expected in ((0.5, 1), (1.2, min(2, able)), (1000.0, able)):
        monkeypatch.setattr(cgroup, "cpus", lambda quota=quota: quota)
        assert machine.cores() == expected
