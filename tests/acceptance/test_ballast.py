"""Ballast: the real child over a library that counts, and the filling of a card with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import gpu_acceptance
import psutil
import pytest
from acceptance.ballast import ballast, fill, settled
from acceptance.ballast_child import Holding
from acceptance.bench import _linked

# a card of 1000 MiB; what it was asked for last is written to a file
LIBCUDA = """
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
static size_t used; static unsigned long long next = 4096; static int current;
static size_t sizes[1024];
static void note(void) { FILE *f = fopen(getenv("FAKE_CUDA_NOTE"), "w"); if (f) { fprintf(f, "%zu", used >> 20); fclose(f); } }
int cuInit(unsigned flags) { return getenv("FAKE_CUDA_NONE") ? 100 : flags; }
int cuDeviceGet(int *device, int ordinal) { *device = 7; return ordinal; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &used; return device == 7 ? 0 : 101; }
int cuCtxSetCurrent(void *context) { current = context == &used; return current ? 0 : 201; }
int cuMemAlloc_v2(unsigned long long *address, size_t size) {
    if (!current) return 201;
    if (used + size > (size_t)1000 << 20) return 2;
    used += size; sizes[next / 4096 % 1024] = size; *address = next; next += 4096; note(); return 0; }
int cuMemFree_v2(unsigned long long address) { used -= sizes[address / 4096 % 1024]; note(); return 0; }
"""


class Scripted:
    """A card that answers slowly or not at all, and gives at most so much."""

    def __init__(self, total: int, most: int) -> None:
        self.total, self.most, self.held = total, most, 0

    def hold(self, mib: int) -> int:
        self.held = min(mib, self.most)
        return self.held

    def free(self) -> int:
        return self.total - self.held


@pytest.fixture
def fake_cuda(tmp_path: Path) -> dict[str, str]:
    compiler = shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler")
    source = tmp_path / "cuda.c"
    source.write_text(LIBCUDA, encoding="ascii")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(tmp_path / "libcuda.so.1"), str(source)], check=True
    )
    environ = {"LD_LIBRARY_PATH": str(tmp_path), "FAKE_CUDA_NOTE": str(tmp_path / "used")}
    return {**os.environ, **environ}


def test_a_child_holds_grows_shrinks_and_says_when_the_card_gives_no_more(fake_cuda: dict[str, str]) -> None:
    note = Path(fake_cuda["FAKE_CUDA_NOTE"])
    with ballast(fake_cuda) as held:
        assert held.hold(301) == 300  # to the page
        assert note.read_text() == "300"
        assert held.hold(130) == 130
        assert note.read_text() == "130"
        assert 1000 - held.hold(5000) < 64
        assert held.hold(0) == 0


def test_ballast_ends_with_the_program_that_started_it(fake_cuda: dict[str, str]) -> None:
    script = (
        "import os, sys; from acceptance.ballast import ballast\n"
        "with ballast(os.environ) as held:\n"
        "    held.hold(64); print(held._child.pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    environ = {**fake_cuda, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", script], env=environ, stdout=subprocess.PIPE)
    assert done.returncode == -9
    child = int(done.stdout)
    for _ in range(100):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    pytest.fail("the ballast outlived its parent")


def test_without_a_card_there_is_no_ballast(fake_cuda: dict[str, str]) -> None:
    with (
        pytest.raises(RuntimeError, match="cuInit answers 100"),
        ballast({**fake_cuda, "FAKE_CUDA_NONE": "1"}),
    ):
        pass


def test_a_card_is_filled_until_as_much_is_free_as_asked() -> None:
    card = Scripted(8000, 8000)
    assert fill(card, card.free, 1200, sleep=lambda _: None) == 1200
    assert fill(card, card.free, 3000, sleep=lambda _: None) == 3000
    assert fill(card, card.free, 9000, sleep=lambda _: None) == 8000
    assert fill(Scripted(8000, 2000), lambda: None, 1200) is None
    small = Scripted(8000, 2000)
    assert fill(small, small.free, 1200, sleep=lambda _: None) == 6000


def test_memory_that_comes_back_late_is_waited_for() -> None:
    answers = iter([100, 400, 900, 1000])
    assert settled(lambda: next(answers), 900, sleep=lambda _: None) == 900
    assert settled(lambda: 100, 900, seconds=1.0, sleep=lambda _: None) == 100


def test_blocks_are_taken_in_steps() -> None:
    taken: list[int] = []

    class Memory:
        def take(self, mib: int) -> int:
            taken.append(mib)
            return len(taken)

        def give(self, address: int) -> None: ...

    holding = Holding(Memory())
    holding.hold(200)
    assert taken == [64, 64, 64, 8]
    assert holding.mib == 200


def test_cublas_of_another_version_is_linked_under_the_name_that_is_asked_for(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "libcublas.so.13").touch()
    (theirs / "libcublasLt.so.12").touch()
    links = _linked(theirs, tmp_path / "links")
    assert (links / "libcublas.so.12").resolve() == theirs / "libcublas.so.13"
    assert [one.name for one in links.iterdir()] == ["libcublas.so.12"]


def test_without_a_card_the_command_says_so_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    target = tmp_path / "results.json"
    assert gpu_acceptance.main(["--json", str(target)]) == 4
    assert not target.exists()
    assert capsys.readouterr().err.startswith("no card to measure: ")
    with pytest.raises(SystemExit) as usage:
        gpu_acceptance.main(["--only", "nothing"])
    assert usage.value.code == 2
