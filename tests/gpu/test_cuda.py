"""Asking CUDA in a child: through ctypes and a compiled library, and what it does when that misbehaves."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from bili2text.gpu import cuda
from bili2text.gpu.cuda import CudaDevice, answer_of, ask, describe

FIRST = CudaDevice(
    "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f", "First", (8, 9), 24, 8192, integrated=False, pools=True
)
SECOND = CudaDevice("GPU-10111213-1415-1617-1819-1a1b1c1d1e1f", "Second", (8, 9), 128, 24576, integrated=False, pools=True)  # fmt: skip


def environ(folder: Path, mood: str = "", **more: str) -> dict[str, str]:
    return {"LD_LIBRARY_PATH": str(folder), "FAKE_CUDA": mood, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **more}


def test_the_devices_of_a_real_library_are_read_through_ctypes(libcuda: Path) -> None:
    assert ask(environ(libcuda)).devices == (FIRST, SECOND)


def test_the_order_is_that_of_the_environment_given(libcuda: Path) -> None:
    assert ask(environ(libcuda, CUDA_DEVICE_ORDER="FASTEST_FIRST")).devices == (SECOND, FIRST)


def test_an_old_library_tells_the_uuid_and_no_pools(libcuda: Path) -> None:
    first, _ = ask(environ(libcuda, "old")).devices
    assert (first.uuid, first.pools) == (FIRST.uuid, False)


def test_memory_shared_with_the_computer_is_told(libcuda: Path) -> None:
    assert all(device.integrated for device in ask(environ(libcuda, "integrated")).devices)


def test_what_other_code_prints_is_not_the_answer(libcuda: Path) -> None:
    assert ask(environ(libcuda, "chatty")).devices == (FIRST, SECOND)


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        ("abort", "CUDA's library failed: killed by SIGABRT"),
        ("exit", "CUDA's library failed: ended with code 3"),
        ("mismatch", "CUDA says: the driver and its library do not match (803)"),
        ("none", "CUDA says: no device"),
    ],
)
def test_a_library_that_fails_is_a_refusal_with_its_reason(libcuda: Path, mood: str, reason: str) -> None:
    answer = ask(environ(libcuda, mood))
    assert (answer.devices, answer.reason, answer.refused) == ((), reason, True)


def test_hidden_devices_are_no_device(libcuda: Path) -> None:
    assert ask(environ(libcuda, CUDA_VISIBLE_DEVICES="")).reason == "CUDA says: no device (100)"


def test_a_library_that_hangs_is_left_behind(libcuda: Path) -> None:
    start = time.monotonic()
    answer = ask(environ(libcuda, "hang"), timeout=1)
    assert answer.reason == "CUDA could not be asked: the child did not answer in 1 s"
    assert not answer.refused
    assert time.monotonic() - start < 10
    left = [
        child.cmdline() for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE
    ]
    assert not [line for line in left if cuda.__file__ in line]


def test_without_a_library_that_is_the_reason(tmp_path: Path) -> None:
    if cuda.present():
        pytest.skip("this computer has CUDA")
    assert ask(environ(tmp_path)).reason == "libcuda.so.1 was not found"
    Path(tmp_path, "libcuda.so.1").write_text("no library", encoding="ascii")
    assert "cannot be loaded" in ask(environ(tmp_path)).reason


def test_the_folder_one_works_in_cannot_slip_code_into_the_child(
    libcuda: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "ctypes.py", "sitecustomize.py", "bili2text.py"):
        Path(tmp_path, name).write_text("raise SystemExit(9)", encoding="ascii")
    monkeypatch.chdir(tmp_path)
    assert ask(environ(libcuda, PYTHONPATH=str(tmp_path))).devices == (FIRST, SECOND)


def test_a_child_that_cannot_be_started_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    answer = ask({})
    assert answer.reason.startswith("no child could be started to ask CUDA")
    assert not answer.refused


@pytest.mark.parametrize("said", ["", "{", "[]", "null", '{"devices": [{}]}', '{"devices": 3}'])
def test_an_answer_that_makes_no_sense_is_none(said: str) -> None:
    assert answer_of(said).reason == "CUDA could not be asked: the child's answer makes no sense"


def test_a_library_without_a_function_or_with_a_strange_error_is_described() -> None:
    def fails(*arguments: object) -> int:
        return 4711

    library: Callable[..., SimpleNamespace] = SimpleNamespace
    assert describe(library())["reason"] == (
        "CUDA's library is not whole: 'types.SimpleNamespace' object has no attribute 'cuInit'"
    )
    assert describe(library(cuInit=fails))["reason"] == "CUDA says: error (4711)"
