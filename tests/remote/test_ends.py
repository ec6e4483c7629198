"""Why a model's process ended, from its exit code, its last words and the system's counters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bili2text.errors import (
    Bili2TextError,
    DependencyError,
    DeviceFailure,
    Interrupted,
    OutOfMemory,
    RuntimeFailure,
)
from bili2text.remote import ends
from bili2text.remote.ends import Memory, memory, starved
from bili2text.remote.freed import wait_until_free
from bili2text.transcribe.talk import WORDS


def ended(code: int, said: str, *, device: str, starved: bool) -> Bili2TextError:
    return ends.ended(code, said, words=WORDS, device=device, starved=starved)


KILL, TERM, ABORT, SEGV = -9, -15, -6, -11  # as subprocess tells signals


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("code", "said", "device", "hungry", "kind", "part"),
    [
        (ABORT, "  what():  CUDA failed with error an illegal memory access", "cuda", False, DeviceFailure,
         "ended by SIGABRT: what(): CUDA failed with error an illegal"),
        (ABORT, "  what():  CUDA failed with error out of memory", "cuda", False, OutOfMemory, "SIGABRT"),
        (ABORT, "  what():  std::bad_alloc", "cpu", False, OutOfMemory, "bad_alloc"),
        (ABORT, "Library libcublas.so.12 is not found", "cuda", False, DependencyError, "libcublas"),
        (ABORT, "", "cpu", False, RuntimeFailure, "ended by SIGABRT"),
        (SEGV, "", "cuda", False, DeviceFailure, "ended by SIGSEGV"),
        (KILL, "a warning of no weight", "cuda", False, DeviceFailure, "ended by SIGKILL"),
        (KILL, "", "cpu", False, RuntimeFailure, "ended by SIGKILL"),
        (KILL, "", "cuda", True, OutOfMemory, "no memory left"),
        (TERM, "", "cpu", True, OutOfMemory, "no memory left"),
        (TERM, "", "cuda", False, Interrupted, "ended by SIGTERM"),
        (-64, "", "cpu", False, RuntimeFailure, "by"),
        (1, "ModuleNotFoundError: No module named 'numpy'", "cpu", False, RuntimeFailure, "code 1: Module"),
        (0xC0000005, "", "cuda", False, DeviceFailure, "code 0xc0000005"),
    ],
)  # fmt: skip
def test_an_end_is_an_error_of_the_right_class_in_one_line(
    code: int, said: str, device: str, hungry: bool, kind: type[Bili2TextError], part: str
) -> None:
    error = ended(code, said, device=device, starved=hungry)
    assert type(error) is kind
    assert part in error.message
    assert "weight" not in error.message
    assert error.hint


def test_after_a_kill_on_a_cpu_the_same_command_is_the_way_on() -> None:
    assert "same command" in ended(KILL, "", device="cpu", starved=False).hint


def test_last_words_are_shown_without_their_control_characters_and_not_at_any_length() -> None:
    message = ended(ABORT, "\x1b[31mred\u202e" + "x" * 5000, device="cpu", starved=False).message
    assert "\x1b" not in message
    assert "\u202e" not in message
    assert len(message) < 300


def test_the_kernels_counters_are_read_wherever_they_are(tmp_path: Path) -> None:
    assert memory(tmp_path).kills == 0
    for place, lines in {
        "proc/vmstat": "pgfault 12\noom_kill 3\n",
        "proc/self/cgroup": "4:cpu,memory:/old\n0::/new/one\n",
        "sys/fs/cgroup/memory.events": "low 0\noom 9\noom_kill 10\noom_group_kill 5\n",
        "sys/fs/cgroup/new/one/memory.events": "oom_kill 100\n",
        "sys/fs/cgroup/memory/old/memory.oom_control": "under_oom 0\noom_kill 1000\n",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(lines, encoding="ascii")
    assert memory(tmp_path).kills == 1113
    (tmp_path / "proc/vmstat").write_bytes(b"\xff\xfe")
    assert memory(tmp_path).kills == 1110
    assert 0 < memory().available <= 1


def test_memory_ran_out_when_the_kernel_killed_or_is_about_to() -> None:
    assert starved(Memory(3, 0.5), Memory(4, 0.5))
    assert starved(Memory(3, 0.5), Memory(3, 0.01))
    assert not starved(Memory(3, 0.01), Memory(3, 0.5))


def test_waiting_for_a_cards_memory_ends_with_it_or_in_time_or_without_a_driver() -> None:
    looks = iter([1000, 1400, 1899, 1901, 5000])
    assert wait_until_free("GPU-1", 1000, 1000, free_now=lambda _: next(looks)) == 1901
    assert wait_until_free("GPU-1", 1000, 1000, timeout=0.2, free_now=lambda _: 1200) == 1200
    assert wait_until_free("GPU-1", 1000, 1000, free_now=lambda _: None) is None
